import { LabIcon } from '@jupyterlab/ui-components';

/** Three sheets of data, the lowest one sealed. */
export const modamaIcon = new LabIcon({
    name: '@modama/labextension:icon',
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" width="16">
  <g class="jp-icon3" fill="none" stroke="#616161" stroke-width="1.3" stroke-linejoin="round">
    <path d="M8 1.5 14.5 4.5 8 7.5 1.5 4.5Z"/>
    <path d="M1.5 8 8 11l2-.9"/>
    <path d="M1.5 11.5 8 14.5l1.2-.5"/>
  </g>
  <g class="jp-icon3" fill="#616161"><path d="M10.8 11.2v-.7a1.7 1.7 0 0 1 3.4 0v.7h.6v3.6h-4.6v-3.6Zm.9 0h1.6v-.7a.8.8 0 0 0-1.6 0Z"/></g>
</svg>`
});

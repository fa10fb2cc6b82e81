import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

const plugin: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:plugin',
    description: 'Projects and sessions in the left panel.',
    autoStart: true,
    activate: (_app: JupyterFrontEnd) => undefined
};

export default [plugin];

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { EntryInCell, MIME_TYPE } from '../lab/incell';
import type { Modama } from '../services/modama';
import { IModama } from '../tokens';

/** Files of the data in the output of a notebook's cell: by their path, so that a notebook holds no pixels. */
export const cells: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:cells',
    description: 'Shows files of the data in the viewer, in the output of a notebook’s cell.',
    autoStart: true,
    requires: [IModama],
    optional: [IRenderMimeRegistry],
    activate: (_: JupyterFrontEnd, modama: Modama, registry: IRenderMimeRegistry | null): void => {
        // Before HTML, which the same output has for programs that do not know ours.
        registry?.addFactory(
            { safe: true, mimeTypes: [MIME_TYPE], createRenderer: () => new EntryInCell(modama) },
            0
        );
    }
};

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Modama } from '../services/modama';
import type { NotebookWanted } from '../ui/host';
import { contentsPath } from './paths';

/** Make a notebook with these cells and show it: in the wanted folder, or where Jupyter can write if that is out of its reach. */
export async function openNotebook(
    app: JupyterFrontEnd,
    modama: Modama,
    wanted: NotebookWanted
): Promise<void> {
    const { contents } = app.serviceManager;
    const folder = contentsPath(modama, wanted.folder) ?? '';
    const made = await contents.newUntitled({ path: folder, type: 'notebook' });
    await contents.save(made.path, { type: 'notebook', format: 'json', content: notebook(wanted.cells) });
    const { name } =
        app.serviceManager.kernelspecs.specs?.kernelspecs[app.serviceManager.kernelspecs.specs.default] ?? {};
    await app.commands.execute('docmanager:open', {
        path: made.path,
        factory: 'Notebook',
        ...(name ? { kernel: { name } } : {})
    });
}

/** Show a text file in Jupyter's editor. */
export async function openText(app: JupyterFrontEnd, modama: Modama, path: string): Promise<void> {
    const { trans } = modama.host;
    const found = contentsPath(modama, path);
    if (found === undefined) {
        modama.host.notify({
            kind: 'warning',
            text: trans.__(
                'Jupyter’s file browser does not reach the data, so “%1” cannot be opened here.',
                path
            )
        });
        return;
    }
    await app.commands.execute('docmanager:open', { path: found });
}

/** The content of a notebook with these code cells. */
export function notebook(cells: string[]): object {
    return {
        nbformat: 4,
        nbformat_minor: 5,
        metadata: {},
        cells: cells.map((source, index) => ({
            id: `modama-${index}`,
            cell_type: 'code',
            execution_count: null,
            metadata: {},
            outputs: [],
            source
        }))
    };
}

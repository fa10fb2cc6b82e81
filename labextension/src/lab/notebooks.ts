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
    const folder = (wanted.folder !== undefined && contentsPath(modama, wanted.folder)) || '';
    const made = await contents.newUntitled({ path: folder, type: 'notebook' });
    await contents.save(made.path, {
        type: 'notebook',
        format: 'json',
        content: notebook(wanted.cells, kernel(app))
    });
    await app.commands.execute('docmanager:open', { path: made.path, factory: 'Notebook' });
}

/** The kernel that this server takes where nobody chooses. */
function kernel(app: JupyterFrontEnd): Kernel | undefined {
    const { specs } = app.serviceManager.kernelspecs;
    const found = specs?.kernelspecs[specs.default];
    return found && { name: found.name, display_name: found.display_name, language: found.language };
}

interface Kernel {
    name: string;
    display_name: string;
    language: string;
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
export function notebook(cells: string[], kernelspec?: Kernel): object {
    return {
        nbformat: 4,
        nbformat_minor: 5,
        metadata: kernelspec ? { kernelspec } : {},
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

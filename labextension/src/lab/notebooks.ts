import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { KernelSpec } from '@jupyterlab/services';
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
        content: notebook(wanted.cells, await kernelFor(app.serviceManager.kernelspecs, modama, wanted))
    });
    await app.commands.execute('docmanager:open', { path: made.path, factory: 'Notebook' });
}

/** The wanted kernel; where there is none such that is said, and it is the one that the server takes by itself. */
export async function kernelFor(
    known: Pick<KernelSpec.IManager, 'specs' | 'refreshSpecs'>,
    { host }: Pick<Modama, 'host'>,
    { kernel: wanted }: Pick<NotebookWanted, 'kernel'>
): Promise<Kernel | undefined> {
    const named = (name: string) => known.specs?.kernelspecs[name];
    if (wanted && !named(wanted.name)) {
        await known.refreshSpecs(); // it may have been made a moment ago
    }
    const found = (wanted && named(wanted.name)) ?? named(known.specs?.default ?? '');
    if (wanted && found?.name !== wanted.name) {
        host.notify({
            kind: 'warning',
            text: host.trans.__('This notebook cannot load the file yet: %1.', wanted.otherwise)
        });
    }
    return found && { name: found.name, display_name: found.display_name, language: found.language };
}

interface Kernel {
    name: string;
    display_name: string;
    language: string;
}

/** Show a text file in Jupyter's editor; where there is none, one that begins so. */
export async function openText(
    app: JupyterFrontEnd,
    modama: Modama,
    path: string,
    begin?: string
): Promise<void> {
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
    const { contents } = app.serviceManager;
    if (begin !== undefined && !(await contents.get(found, { content: false }).catch(() => undefined))) {
        await contents.save(found, { type: 'file', format: 'text', content: begin });
        modama.changed();
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

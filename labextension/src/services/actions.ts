import { at, type Located } from '../api/client';
import { asProblem } from '../api/problem';
import { tellProblem } from './details';
import type { Modama } from './modama';
import { depthOf, folderOf, partOf } from './part';

/** The cells that load an entry, from the server's own line of Python: its last line is the value. */
export function loadingCells(python: string): string[] {
    const lines = python.split('\n');
    return [[...lines.slice(0, -1), `data = ${lines[lines.length - 1]}`].join('\n'), 'data'];
}

/** Make a notebook that loads the entry, in the session's folder for results where there is one. */
export async function openInNotebook(modama: Modama, entry: Located): Promise<void> {
    const { api, host } = modama;
    try {
        const [links, folder] = await Promise.all([
            api.call('entry.links', at(entry)),
            folderForResults(modama, entry)
        ]);
        const python = links.items.find(link => link.tool === 'Python');
        if (!python) {
            const text = host.trans.__('The server does not say how “%1” is loaded in Python.', entry.path);
            host.notify({ kind: 'error', text });
            return;
        }
        const { value, kernel: name, note: otherwise } = python;
        const kernel = name ? { name, otherwise } : undefined;
        await host.openNotebook?.({ folder, cells: loadingCells(value), kernel });
    } catch (error) {
        tellProblem(modama, error);
    }
}

/** Where a notebook about an entry belongs; undefined where Jupyter's own file tree cannot name the folder. */
async function folderForResults({ api }: Modama, entry: Located): Promise<string | undefined> {
    const { project, session } = await api.call('entry.show', at(entry));
    if (project && session) {
        const { path_b64 } = partOf(entry, depthOf(project) + 1);
        const found = await api.call('session.show', { project, session, path_b64 });
        return path_b64 ? undefined : found.derived || found.path;
    }
    const folder = folderOf(entry);
    return folder.path_b64 ? undefined : folder.path;
}

/** Open the entry in LiberTEM; where the file does not say its own shape, ask for it. */
export async function openInLibertem(modama: Modama, entry: Located): Promise<void> {
    const { api, host, ask } = modama;
    const { trans } = host;
    const name = entry.path.split('/').pop() ?? entry.path;
    if (host.elsewhere) {
        host.open(host.elsewhere.libertem(entry));
        return;
    }
    const note = host.notify({ kind: 'progress', text: trans.__('Opening “%1” in LiberTEM…', name) });
    try {
        const opened = await api.openInLibertem(entry);
        note.dismiss();
        host.open(opened.url, trans.__('LiberTEM: %1', name));
        if (opened.warning) {
            host.notify({ kind: 'warning', text: opened.warning });
        }
    } catch (error) {
        const problem = asProblem(error);
        note.dismiss();
        if (problem.code === 'parameters-needed') {
            ask.set({ kind: 'libertem', entry });
        } else {
            host.notify({ kind: 'error', text: problem.message });
        }
    }
}

/** Start a long operation on a session and show its progress. */
export async function start(
    modama: Modama,
    op: 'session.verify' | 'session.undo_seal',
    session: { project: string; name: string; path_b64?: string }
): Promise<void> {
    const { api, jobs } = modama;
    try {
        const wanted = { project: session.project, session: session.name, path_b64: session.path_b64 };
        jobs.follow((await api.call(op, wanted)).job);
        modama.changed();
    } catch (error) {
        tellProblem(modama, error);
    }
}

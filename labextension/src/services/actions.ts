import { at, type Located } from '../api/client';
import { asProblem } from '../api/problem';
import type { Modama } from './modama';

/** The two lines that load an entry in a notebook. */
export function loadingCells(path: string): string[] {
    return [`import jupyter_modama\ndata = jupyter_modama.load(${JSON.stringify(path)})`, 'data'];
}

/** Make a notebook that loads the entry, in the session's folder for results where there is one. */
export async function openInNotebook(modama: Modama, entry: Located): Promise<void> {
    const { api, host } = modama;
    try {
        const details = await api.call('entry.show', at(entry));
        let folder = entry.path.split('/').slice(0, -1).join('/');
        if (details.project && details.session) {
            const session = await api.call('session.show', {
                project: details.project,
                session: details.session
            });
            folder = session.derived || session.path;
        }
        await host.openNotebook?.({ folder, cells: loadingCells(entry.path) });
    } catch (error) {
        host.notify({ kind: 'error', text: asProblem(error).message });
    }
}

/** Open the entry in LiberTEM; where the file does not say its own shape, ask for it. */
export async function openInLibertem(modama: Modama, entry: Located): Promise<void> {
    const { api, host, ask } = modama;
    const { trans } = host;
    const name = entry.path.split('/').pop() ?? entry.path;
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

/** Copy a text and say so. */
export async function copyText(modama: Modama, text: string, what: string): Promise<void> {
    const { host } = modama;
    try {
        await host.copy(text);
        host.notify({ kind: 'success', text: host.trans.__('%1 copied.', what) });
    } catch {
        host.notify({
            kind: 'warning',
            text: host.trans.__('The browser does not let us copy; it is: %1', text)
        });
    }
}

/** Start a long operation on a session and show its progress. */
export async function start(
    modama: Modama,
    op: 'session.verify' | 'session.undo_seal',
    session: { project: string; name: string; path_b64?: string }
): Promise<void> {
    const { api, host, jobs } = modama;
    try {
        const wanted = { project: session.project, session: session.name, path_b64: session.path_b64 };
        jobs.follow((await api.call(op, wanted)).job);
        modama.changed();
    } catch (error) {
        host.notify({ kind: 'error', text: asProblem(error).message });
    }
}

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Modama } from '../services/modama';
import { tellProblem } from '../services/details';
import { folderOf } from '../services/part';
import { IModama } from '../tokens';
import { placeOf } from '../ui/FolderView';
import { PANEL } from './sidebar';

const ASKED = 'modama-path';

/** A link from outside that names a path: the panel shows it, and the address in the browser forgets it. */
export const arriving: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:arriving',
    description: 'Shows the path in the panel that a link from outside names.',
    autoStart: true,
    requires: [IModama],
    activate: (app: JupyterFrontEnd, modama: Modama): void => {
        const asked = new URLSearchParams(window.location.search);
        const path = asked.get(ASKED);
        if (path === null) {
            return;
        }
        const path_b64 = asked.get(`${ASKED}_b64`) ?? undefined;
        const here = new URL(window.location.href);
        here.searchParams.delete(ASKED);
        here.searchParams.delete(`${ASKED}_b64`);
        window.history.replaceState(window.history.state, '', here);
        void app.restored.then(() => modama.start()).then(() => show(app, modama, path, path_b64));
    }
};

async function show(
    app: JupyterFrontEnd,
    modama: Modama,
    path: string,
    path_b64: string | undefined
): Promise<void> {
    app.shell.activateById(PANEL);
    try {
        const { entry } = await modama.api.call('entry.show', { path, ...(path_b64 ? { path_b64 } : {}) });
        if (entry.kind === 'folder') {
            modama.places.go(placeOf(entry));
            return;
        }
        modama.places.go({ view: 'folder', ...folderOf(entry), select: entry.name });
        modama.host.showWide?.(entry);
    } catch (error) {
        tellProblem(modama, error);
    }
}

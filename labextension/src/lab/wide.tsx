import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Located } from '../api/client';
import type { Entry } from '../api/types';
import type { Modama } from '../services/modama';
import { WideFile } from '../ui/WideFile';
import { WideFolder } from '../ui/WideFolder';
import { modamaIcon } from './icon';

/** Show a file in a tab of the main area; one tab for each file. */
export function showWide(app: JupyterFrontEnd, modama: Modama, entry: Entry): void {
    show(app, 'file', entry, entry.name, () => <WideFile modama={modama} entry={entry} />);
}

/** Show all files of a folder as pictures, in a tab of the main area. */
export function showSheet(app: JupyterFrontEnd, modama: Modama, folder: Located): void {
    const name = folder.path.slice(folder.path.lastIndexOf('/') + 1);
    show(app, 'sheet', folder, name, () => <WideFolder modama={modama} folder={folder} />);
}

function show(
    app: JupyterFrontEnd,
    kind: string,
    { path, path_b64 }: Located,
    label: string,
    content: () => JSX.Element
): void {
    const id = `modama-${kind}-${path_b64 || path}`;
    if (![...app.shell.widgets('main')].some(widget => widget.id === id)) {
        const widget = new MainAreaWidget({ content: ReactWidget.create(content()) });
        widget.id = id;
        widget.title.label = label;
        widget.title.caption = path;
        widget.title.icon = modamaIcon;
        widget.title.closable = true;
        app.shell.add(widget, 'main');
    }
    app.shell.activateById(id);
}

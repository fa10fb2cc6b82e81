import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Entry } from '../api/types';
import type { Modama } from '../services/modama';
import { WideFile } from '../ui/WideFile';
import { modamaIcon } from './icon';

/** Show a file in a tab of the main area; one tab for each file. */
export function showWide(app: JupyterFrontEnd, modama: Modama, entry: Entry): void {
    const id = `modama-file-${entry.path_b64 || entry.path}`;
    if (![...app.shell.widgets('main')].some(widget => widget.id === id)) {
        const widget = new MainAreaWidget({
            content: ReactWidget.create(<WideFile modama={modama} entry={entry} />)
        });
        widget.id = id;
        widget.title.label = entry.name;
        widget.title.caption = entry.path;
        widget.title.icon = modamaIcon;
        widget.title.closable = true;
        app.shell.add(widget, 'main');
    }
    app.shell.activateById(id);
}

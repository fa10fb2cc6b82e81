import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/ui-components';
import { modamaIcon } from '../lab/icon';
import type { Modama } from '../services/modama';
import { IModama } from '../tokens';
import { App } from '../ui/App';

export const PANEL = 'modama-panel';

/** The panel on the left. */
export const sidebar: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:sidebar',
    description: 'Projects, sessions and files in the left side bar.',
    autoStart: true,
    requires: [IModama],
    optional: [ILayoutRestorer],
    activate: (app: JupyterFrontEnd, modama: Modama, restorer: ILayoutRestorer | null): void => {
        const panel = ReactWidget.create(<App modama={modama} />);
        panel.id = PANEL;
        panel.addClass('mo-panel');
        panel.title.icon = modamaIcon;
        panel.title.caption = modama.host.trans.__('MODAMA: projects and sessions');
        panel.node.setAttribute('role', 'region');
        panel.node.setAttribute('aria-label', modama.host.trans.__('MODAMA'));
        app.shell.add(panel, 'left', { rank: 150 });
        restorer?.add(panel, PANEL);
    }
};

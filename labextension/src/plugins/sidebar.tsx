import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/ui-components';
import { modamaIcon } from '../lab/icon';
import type { Modama } from '../services/modama';
import { IModama } from '../tokens';
import { App } from '../ui/App';

export const PANEL = 'modama-panel';

/** The panel, which takes the focus when it is shown by a command: the keyboard goes on in it. */
class Panel extends ReactWidget {
    constructor(private modama: Modama) {
        super();
    }

    protected render(): JSX.Element {
        return <App modama={this.modama} />;
    }

    protected onActivateRequest(): void {
        if (!this.node.contains(document.activeElement)) {
            this.node.focus();
        }
    }
}

/** The panel on the left. */
export const sidebar: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:sidebar',
    description: 'Projects, sessions and files in the left side bar.',
    autoStart: true,
    requires: [IModama],
    optional: [ILayoutRestorer],
    activate: (app: JupyterFrontEnd, modama: Modama, restorer: ILayoutRestorer | null): void => {
        const panel = new Panel(modama);
        panel.id = PANEL;
        panel.addClass('mo-panel');
        panel.title.icon = modamaIcon;
        panel.title.caption = modama.host.trans.__('MODAMA: projects and sessions');
        panel.node.tabIndex = -1;
        panel.node.setAttribute('role', 'region');
        panel.node.setAttribute('aria-label', modama.host.trans.__('MODAMA'));
        app.shell.add(panel, 'left', { rank: 150 });
        restorer?.add(panel, PANEL);
    }
};

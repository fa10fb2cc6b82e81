import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ToolbarButton } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';
import { modamaIcon } from '../lab/icon';
import { dataPath } from '../lab/paths';
import type { Modama } from '../services/modama';
import { IModama } from '../tokens';
import { PANEL } from './sidebar';

/** A document in the main area, as far as we look at it. */
interface Shown extends Widget {
    context: { path: string; ready: Promise<void>; contentsModel: { writable: boolean } | null };
    toolbar: { addItem(name: string, widget: Widget): boolean };
}

/** Lab only says of a sealed file that it is read-only, and takes no “Save”: this says why, when it is opened. */
export const readOnly: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:read-only',
    description: 'Says in the editor why a file of the data cannot be saved.',
    autoStart: true,
    requires: [IModama],
    activate: (app: JupyterFrontEnd, modama: Modama): void => {
        const seen = new WeakSet<Widget>();
        app.shell.currentChanged?.connect((_, { newValue: widget }) => {
            if (widget && isDocument(widget) && !seen.has(widget)) {
                seen.add(widget);
                void explain(app, modama, widget);
            }
        });
    }
};

function isDocument(widget: Widget): widget is Shown {
    const { context, toolbar } = widget as unknown as Partial<Shown>;
    return typeof context?.path === 'string' && typeof toolbar?.addItem === 'function';
}

async function explain(app: JupyterFrontEnd, modama: Modama, widget: Shown): Promise<void> {
    const { api, ask, host } = modama;
    const { trans } = host;
    await Promise.all([widget.context.ready, modama.start()]);
    const path = dataPath(modama, widget.context.path);
    if (path === undefined || widget.context.contentsModel?.writable !== false) {
        return;
    }
    const found = await api.call('entry.explain', { path }).catch(() => undefined);
    if (!found || found.writable || widget.isDisposed) {
        return;
    }
    const button = new ToolbarButton({
        icon: modamaIcon,
        label: trans.__('Why read-only?'),
        tooltip: found.sentence,
        onClick: () => {
            app.shell.activateById(PANEL);
            ask.set({ kind: 'explain', entry: { path } });
        }
    });
    widget.toolbar.addItem('modama-why-read-only', button);
    host.notify({ kind: 'info', text: found.sentence });
}

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Dialog, IFrame, MainAreaWidget, Notification, showDialog } from '@jupyterlab/apputils';
import type { IStateDB } from '@jupyterlab/statedb';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONValue } from '@lumino/coreutils';
import { modamaIcon } from './icon';
import { copyPicture, save } from '../ui/browser';
import type { Host, Note, ShownNote } from '../ui/host';

const SHORT_MS = 5000;
const KINDS = {
    info: 'info',
    success: 'success',
    warning: 'warning',
    error: 'error',
    progress: 'in-progress'
} as const;

/** JupyterLab (or Notebook 7), as the panel needs it. Opening notebooks and files is added by whoever knows the paths. */
export function labHost(app: JupyterFrontEnd, trans: TranslationBundle, state: IStateDB | null): Host {
    return {
        trans,
        events: 'stream',
        open: (url, title) => {
            if (title) {
                showInside(app, url, title);
            } else {
                window.open(url, '_blank', 'noopener');
            }
        },
        notify,
        save,
        copyPicture,
        confirm: async (question, yes) => {
            const buttons = [Dialog.cancelButton(), Dialog.warnButton({ label: yes })];
            return (await showDialog({ title: trans.__('MODAMA'), body: question, buttons })).button.accept;
        },
        copy: async text => {
            if (navigator.clipboard) {
                await navigator.clipboard.writeText(text);
            } else {
                Clipboard.copyToSystem(text); // plain HTTP: the browser has no clipboard for scripts
            }
        },
        store: {
            load: async key => state?.fetch(`modama:${key}`),
            save: async (key, value) => state?.save(`modama:${key}`, value as ReadonlyPartialJSONValue)
        }
    };
}

/** One of our applications in a tab of the main area; one tab for each title. */
function showInside(app: JupyterFrontEnd, url: string, title: string): void {
    const id = `modama-inside-${title}`;
    const known = [...app.shell.widgets('main')].find(widget => widget.id === id);
    if (known instanceof MainAreaWidget && known.content instanceof IFrame) {
        known.content.url = url;
        app.shell.activateById(id);
        return;
    }
    const content = new IFrame({
        sandbox: [
            'allow-scripts',
            'allow-same-origin',
            'allow-forms',
            'allow-downloads',
            'allow-popups',
            'allow-modals'
        ]
    });
    content.url = url;
    const widget = new MainAreaWidget({ content });
    widget.id = id;
    widget.title.label = title;
    widget.title.icon = modamaIcon;
    widget.title.closable = true;
    app.shell.add(widget, 'main');
    app.shell.activateById(id);
}

/** Lab makes the box of a message a while after it was told, and loses what it is told in between. */
const SETTLED_MS = 1000;

function notify(note: Note): ShownNote {
    const id = Notification.emit(note.text, KINDS[note.kind], options(note));
    const settled = Date.now() + SETTLED_MS;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = (work: () => void) => {
        clearTimeout(timer);
        timer = setTimeout(work, Math.max(0, settled - Date.now()));
    };
    return {
        update: next =>
            later(() =>
                Notification.update({ id, message: next.text, type: KINDS[next.kind], ...options(next) })
            ),
        dismiss: () => later(() => Notification.dismiss(id))
    };
}

function options({ kind, progress, actions = [] }: Note) {
    return {
        // Without a number no toast is shown; a warning is for reading, so it stays.
        autoClose: kind === 'info' || kind === 'success' ? SHORT_MS : (false as const),
        ...(progress === undefined ? {} : { progress }),
        actions: actions.map(({ label, do: callback }) => ({
            label,
            callback: (event: MouseEvent) => {
                event.preventDefault(); // the message stays and shows what becomes of it
                callback();
            }
        }))
    };
}

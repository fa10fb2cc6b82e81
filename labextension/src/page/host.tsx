import { useSyncExternalStore } from 'react';
import { copyPicture, save } from '../ui/browser';
import type { Host, Note, ShownNote } from '../ui/host';
import { Value } from '../services/value';
import { trans } from './words';

const SHORT_MS = 5000;

const notes = new Value<readonly (Note & { id: number })[]>([]);
let made = 0;

function put(id: number, note: Note | undefined): void {
    const others = notes.get().filter(known => known.id !== id);
    notes.set(note ? [...others, { ...note, id }] : others);
    if (note && (note.kind === 'success' || note.kind === 'info')) {
        setTimeout(() => put(id, undefined), SHORT_MS);
    }
}

function notify(note: Note): ShownNote {
    const id = (made += 1);
    put(id, note);
    return { update: next => put(id, next), dismiss: () => put(id, undefined) };
}

/** A browser's window without JupyterLab in it. */
export const pageHost: Host = {
    trans,
    events: 'stream',
    open: url => {
        // What takes long is no more the answer to a click, and browsers stop it: then there is something to click on.
        if (!window.open(url, '_blank')) {
            notify({
                kind: 'warning',
                text: url,
                actions: [{ label: trans.__('Open'), do: () => void window.open(url, '_blank') }]
            });
        }
    },
    notify,
    save,
    copyPicture,
    confirm: question => Promise.resolve(window.confirm(question)),
    copy: text => navigator.clipboard.writeText(text),
    store: {
        load: key => Promise.resolve(JSON.parse(window.localStorage.getItem(`modama:${key}`) ?? 'null')),
        save: (key, value) =>
            Promise.resolve(window.localStorage.setItem(`modama:${key}`, JSON.stringify(value)))
    }
};

/** The messages, in a corner of the page. */
export function Notes(): JSX.Element {
    const shown = useSyncExternalStore(notes.subscribe, notes.get);
    return (
        <div className="mo-notes" role="status">
            {shown.map(note => (
                <div key={note.id} className={`mo-root mo-box mo-box-${note.kind}`}>
                    <span>{note.text}</span>
                    {note.kind === 'progress' && <progress max={1} value={note.progress} />}
                    {note.actions?.map(({ label, do: act }) => (
                        <button key={label} type="button" className="mo-button" onClick={act}>
                            {label}
                        </button>
                    ))}
                    <button
                        type="button"
                        className="mo-icon-button"
                        aria-label={trans.__('Close')}
                        onClick={() => put(note.id, undefined)}
                    >
                        ✕
                    </button>
                </div>
            ))}
        </div>
    );
}

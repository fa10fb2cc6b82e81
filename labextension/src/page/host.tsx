import { useSyncExternalStore } from 'react';
import type { Host, Note, ShownNote, Translation } from '../ui/host';
import { Value } from '../services/value';

const SHORT_MS = 5000;

/** English as it stands in the code, with the values put in. */
export const english: Translation = {
    __: (text, ...values) => filled(text, values),
    _n: (one, many, count, ...values) => filled(count === 1 ? one : many, [count, ...values])
};

function filled(text: string, values: unknown[]): string {
    return text.replace(/%(\d+)/g, (whole, index) =>
        Number(index) <= values.length ? String(values[Number(index) - 1]) : whole
    );
}

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
    trans: english,
    events: 'stream',
    open: url => {
        // What takes long is no more the answer to a click, and browsers stop it: then there is something to click on.
        if (!window.open(url, '_blank')) {
            notify({
                kind: 'warning',
                text: url,
                actions: [{ label: english.__('Open'), do: () => void window.open(url, '_blank') }]
            });
        }
    },
    notify,
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
                        aria-label={english.__('Close')}
                        onClick={() => put(note.id, undefined)}
                    >
                        ✕
                    </button>
                </div>
            ))}
        </div>
    );
}

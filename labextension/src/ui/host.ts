import type { Located } from '../api/client';
import type { Entry } from '../api/types';

/** Counts and sentences in the person's language. The shape is that of Lab's translation bundles. */
export interface Translation {
    __(text: string, ...values: unknown[]): string;
    _n(one: string, many: string, count: number, ...values: unknown[]): string;
}

export type NoteKind = 'info' | 'success' | 'warning' | 'error' | 'progress';

export interface NoteAction {
    label: string;
    do(): void;
}

/** A message outside the panel. */
export interface Note {
    kind: NoteKind;
    text: string;
    /** 0 to 1; only for `progress`. */
    progress?: number;
    actions?: NoteAction[];
}

/** A message that can still be changed. */
export interface ShownNote {
    update(note: Note): void;
    dismiss(): void;
}

/** A notebook to make: where (below the root of the data; undefined: where there is room) and with which cells. */
export interface NotebookWanted {
    folder: string | undefined;
    cells: string[];
    /** The kernel that can run it, where not every one can, and what to say where there is none such. */
    kernel?: { name: string; otherwise: string };
}

/** What the panel needs of the program around it: JupyterLab, a plain page, a test. */
export interface Host {
    readonly trans: Translation;
    /** Open an address; `title` says that it is one of our own applications, which a host may show inside itself. */
    open(url: string, title?: string): void;
    notify(note: Note): ShownNote;
    confirm(question: string, yes: string): Promise<boolean>;
    copy(text: string): Promise<void>;
    store: {
        load(key: string): Promise<unknown>;
        save(key: string, value: unknown): Promise<void>;
    };
    /** How news comes: one stream, or by asking now and then. */
    events: 'stream' | 'poll';
    /** Make a notebook and show it; missing where the host has no notebooks. */
    openNotebook?(wanted: NotebookWanted): Promise<void>;
    /** Show a text file, such as notes, for editing, made with `begin` where there is none; missing where the host cannot. */
    openText?(path: string, begin?: string): Promise<void>;
    /** Show a file where there is more room than in the panel; missing where there is not. */
    showWide?(entry: Entry): void;
    /** Show all files of a folder as pictures, where there is more room than in the panel; missing where there is not. */
    showSheet?(folder: Located): void;
    /** Have the browser put something into the person's downloads; missing where it cannot. */
    save?(content: Blob, name: string): void;
    /** Put a picture on the clipboard; missing where the browser has none for pictures. */
    copyPicture?(png: Promise<Blob>): Promise<void>;
    /** Where programs are opened that this host cannot run itself; missing where it can. */
    elsewhere?: { libertem(entry: Located): string };
}

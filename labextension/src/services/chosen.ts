import type { ChosenFile } from './upload';

/** What was dropped: files with the folders that they came in, and folders in which nothing was. */
export interface Dropped {
    files: ChosenFile[];
    emptyFolders: string[];
    /** What the browser could not read. */
    unreadable: string[];
}

/** Whether a drag holds files from outside of the browser. */
export const holdsFiles = (drag: DataTransfer | null): boolean =>
    drag !== null && Array.from(drag.types).includes('Files');

/** The files that a field of the browser's was given. */
export function fromField(files: FileList | null): ChosenFile[] {
    return [...(files ?? [])].map(file => ({ name: file.webkitRelativePath || file.name, file }));
}

/** All that was dropped, folders with what is in them. To be called while the drop is handled: later it is gone. */
export function dropped(drag: DataTransfer): Promise<Dropped> {
    const entries = [...drag.items].map(item => item.webkitGetAsEntry?.() ?? item.getAsFile());
    return gathered(entries.filter(entry => entry !== null));
}

async function gathered(entries: (FileSystemEntry | File)[]): Promise<Dropped> {
    const found: Dropped = { files: [], emptyFolders: [], unreadable: [] };
    for (const entry of entries) {
        if (entry instanceof File) {
            found.files.push({ name: entry.name, file: entry });
        } else {
            await gather(entry, entry.name, found);
        }
    }
    return found;
}

async function gather(entry: FileSystemEntry, name: string, found: Dropped): Promise<void> {
    try {
        if (entry.isFile) {
            const file = await new Promise<File>((take, fail) =>
                (entry as FileSystemFileEntry).file(take, fail)
            );
            found.files.push({ name, file });
            return;
        }
        const inner = await entriesOf(entry as FileSystemDirectoryEntry);
        if (inner.length === 0) {
            found.emptyFolders.push(name);
        }
        for (const one of inner) {
            await gather(one, `${name}/${one.name}`, found);
        }
    } catch {
        found.unreadable.push(name);
    }
}

/** A browser gives the entries of a folder in portions, the last of which is empty. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
    const reader = folder.createReader();
    const all: FileSystemEntry[] = [];
    for (;;) {
        const some = await new Promise<FileSystemEntry[]>((take, fail) => reader.readEntries(take, fail));
        if (some.length === 0) {
            return all;
        }
        all.push(...some);
    }
}

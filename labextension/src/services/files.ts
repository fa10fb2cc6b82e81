import { at, type Located } from '../api/client';
import { asProblem } from '../api/problem';
import type { Entry } from '../api/types';
import type { Dropped } from './chosen';
import { amount, bytes } from './format';
import type { Modama } from './modama';

/** Put what was dropped into a folder; what the browser could not read is said. */
export async function bring(modama: Modama, folder: Located, found: Dropped): Promise<void> {
    const { api, host, uploads } = modama;
    const { trans } = host;
    uploads.add(folder, found.files);
    for (const name of found.emptyFolders) {
        const cut = name.lastIndexOf('/');
        const above = cut < 0 ? folder : { path: `${folder.path}/${name.slice(0, cut)}` };
        try {
            await api.call('folder.make', { ...at(above), name: name.slice(cut + 1).normalize('NFC') });
        } catch (error) {
            const problem = asProblem(error);
            if (problem.code !== 'already-exists') {
                host.notify({ kind: 'error', text: problem.message });
            }
        }
    }
    if (found.emptyFolders.length > 0) {
        modama.changed();
    }
    if (found.unreadable.length > 0) {
        const names = found.unreadable.slice(0, 5).join(', ');
        const text = trans.__(
            'The browser could not read %1 of what was dropped: %2',
            found.unreadable.length,
            names
        );
        host.notify({ kind: 'warning', text });
    }
}

/** Remove files and empty folders, after a question that says what is lost. */
export async function removeEntries(modama: Modama, entries: readonly Entry[]): Promise<void> {
    const { api, host } = modama;
    const { trans } = host;
    if (entries.length === 0 || !(await host.confirm(removalQuestion(modama, entries), trans.__('Remove')))) {
        return;
    }
    const kept: string[] = [];
    const note =
        entries.length > 3 ? host.notify({ kind: 'progress', text: trans.__('Removing…') }) : undefined;
    for (const [index, entry] of entries.entries()) {
        try {
            await api.call('entry.remove', at(entry));
        } catch (error) {
            kept.push(asProblem(error).message);
        }
        const text = trans.__('Removing %1 of %2', amount(index + 1), amount(entries.length));
        note?.update({ kind: 'progress', text, progress: (index + 1) / entries.length });
    }
    note?.dismiss();
    modama.changed();
    if (kept.length > 0) {
        const more = kept.length > 1 ? ` ${trans.__('(%1 were kept)', amount(kept.length))}` : '';
        host.notify({ kind: 'error', text: kept[0] + more });
    }
}

function removalQuestion({ host: { trans } }: Modama, entries: readonly Entry[]): string {
    const lost = trans.__('There is no trash here: what is removed is gone.');
    const [first] = entries;
    if (entries.length === 1) {
        return first.kind === 'folder'
            ? trans.__('Remove the empty folder “%1”? A folder that holds something stays.', first.name)
            : `${trans.__('Remove “%1” (%2)?', first.name, bytes(first.size_bytes))} ${lost}`;
    }
    const size = entries.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0);
    return `${trans.__('Remove %1 entries (%2)? Folders that hold something stay.', amount(entries.length), bytes(size))} ${lost}`;
}

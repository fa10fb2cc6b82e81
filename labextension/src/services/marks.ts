import type { Entry } from '../api/types';
import type { Listing } from './listing';

/** Entries that were selected together, by their paths. */
export type Marks = ReadonlyMap<string, Entry>;

export const NO_MARKS: Marks = new Map();
/** As many as a request takes; for more there is the folder that they lie in. */
export const MOST_MARKS = 10_000;

const keyOf = ({ path, path_b64 }: Entry): string => path_b64 || path;

export const isMarked = (marks: Marks, entry: Entry | undefined): boolean =>
    entry !== undefined && marks.has(keyOf(entry));

/** With one more, or one less; the first mark takes along what is selected already. */
export function toggled(marks: Marks, entry: Entry, selected: Entry | undefined): Marks {
    const next = new Map(marks);
    if (marks.size === 0 && selected && keyOf(selected) !== keyOf(entry)) {
        next.set(keyOf(selected), selected);
    }
    if (!next.delete(keyOf(entry))) {
        next.set(keyOf(entry), entry);
    }
    return next;
}

/** All from one row to another, those too that were not looked at yet; undefined where these are too many. */
export async function between(listing: Listing, from: number, to: number): Promise<Marks | undefined> {
    const [first, last] = [Math.max(0, Math.min(from, to)), Math.max(from, to)];
    if (last - first >= MOST_MARKS) {
        return undefined;
    }
    const entries = await listing.range(first, last);
    return new Map(entries.map(entry => [keyOf(entry), entry]));
}

import type { Located } from '../api/client';

/** The first `depth` names of a path; of one that is not all text, with the bytes where those names need them. */
export function partOf({ path, path_b64 }: Located, depth: number): Located {
    const shown = path.split('/').slice(0, depth).join('/');
    if (!path_b64) {
        return { path: shown };
    }
    const bytes = atob(path_b64.replace(/-/g, '+').replace(/_/g, '/'));
    const part = bytes.split('/').slice(0, depth).join('/');
    if (textOf(part) === shown) {
        return { path: shown };
    }
    return { path: shown, path_b64: btoa(part).replace(/\+/g, '-').replace(/\//g, '_') };
}

/** The folder that a path lies in. */
export function folderOf(located: Located): Located {
    return partOf(located, depthOf(located.path) - 1);
}

/** How many names a path has. */
export const depthOf = (path: string): number => path.split('/').length;

/** What bytes, one to a character, say in UTF-8; undefined where they are none. */
function textOf(bytes: string): string | undefined {
    try {
        const raw = Uint8Array.from(bytes, sign => sign.charCodeAt(0));
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
    } catch {
        return undefined;
    }
}

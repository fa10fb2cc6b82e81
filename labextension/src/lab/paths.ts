import type { Modama } from '../services/modama';

/**
 * Where the data lies in Jupyter's own file tree: `''` if both have the same root, `undefined` if Jupyter's root does not
 * reach the data.
 */
function dataInJupyter(modama: Modama): string | undefined {
    const state = modama.server.state.get();
    const found = state.kind === 'ready' ? state.status.contents_root : undefined;
    return typeof found === 'string' ? found.replace(/^\/|\/$/g, '') : undefined;
}

/** A path of the data as Jupyter's contents know it. */
export function contentsPath(modama: Modama, path: string): string | undefined {
    const root = dataInJupyter(modama);
    return root === undefined ? undefined : [root, path].filter(Boolean).join('/');
}

/** A path of Jupyter's contents as a path of the data; undefined outside of the data. */
export function dataPath(modama: Modama, contents: string): string | undefined {
    const root = dataInJupyter(modama);
    const path = contents.replace(/^[^/]*:/, '').replace(/^\/|\/$/g, '');
    if (root === undefined || root === '') {
        return root === undefined ? undefined : path;
    }
    return path === root ? '' : path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined;
}

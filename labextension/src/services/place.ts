import type { Host } from '../ui/host';
import { folderOf } from './part';
import { Value } from './value';

/** Where one is in the panel. */
export type Place =
    | { view: 'projects' }
    | { view: 'project'; project: string; path_b64?: string }
    | { view: 'session'; project: string; session: string; path_b64?: string }
    | { view: 'folder'; path: string; path_b64?: string; select?: string };

const KEY = 'place';

/** Where one is, kept over a reload of the page. */
export class Places {
    readonly current = new Value<Place>({ view: 'projects' });

    constructor(private store: Host['store']) {}

    /** Go to where one was; stays where one is if somebody has gone somewhere meanwhile. */
    async restore(): Promise<void> {
        const before = this.current.get();
        const kept = await this.store.load(KEY).catch(() => undefined);
        if (isPlace(kept) && this.current.get() === before) {
            this.current.set(kept);
        }
    }

    go(place: Place): void {
        this.current.set(place);
        void this.store.save(KEY, place).catch(() => undefined);
    }

    /** One level up; the list of projects is the top. */
    up(): void {
        this.go(above(this.current.get()));
    }
}

/** The place that one level up leads to. */
export function above(place: Place): Place {
    if (place.view === 'session') {
        return { view: 'project', project: place.project };
    }
    if (place.view === 'folder' && place.path.includes('/')) {
        const select = place.path.slice(place.path.lastIndexOf('/') + 1);
        return { view: 'folder', ...folderOf(place), select };
    }
    return { view: 'projects' };
}

/** The project and session that a folder lies in, as far as it does. */
export interface Around {
    project: string;
    session: string;
}

/** The page of a folder: projects and sessions have their own. */
export function pageOf(path: string, around: Around): Place {
    const { project, session } = around;
    if (project && session && path === `${project}/${session}`) {
        return { view: 'session', project, session };
    }
    return project && path === project ? { view: 'project', project } : { view: 'folder', path };
}

function isPlace(value: unknown): value is Place {
    if (value === null || typeof value !== 'object' || !('view' in value)) {
        return false;
    }
    const { view, project, session, path } = value as Record<string, unknown>;
    switch (view) {
        case 'projects':
            return true;
        case 'project':
            return typeof project === 'string';
        case 'session':
            return typeof project === 'string' && typeof session === 'string';
        case 'folder':
            return typeof path === 'string';
        default:
            return false;
    }
}

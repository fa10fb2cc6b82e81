import type { Api } from '../api/client';
import type { Session } from '../api/types';
import { Value } from './value';

const MOST = 1000;

/** The sessions that lie in a folder, or that it lies in: known before a menu opens, which cannot wait for an answer. */
export class Nearby {
    readonly sessions = new Value<readonly Session[]>([]);

    constructor(private api: Api) {}

    /** Find out about a folder of the data; undefined is one outside of the data. */
    async look(folder: string | undefined): Promise<void> {
        const turn = (this.turn += 1);
        const found = folder ? await this.ask(folder).catch(() => []) : [];
        if (turn === this.turn) {
            this.folder = folder;
            this.sessions.set(found);
        }
    }

    /** Ask again, since something may have changed. */
    again(): Promise<void> {
        return this.look(this.folder);
    }

    /** The session that a path is, or lies in. */
    sessionOf(path: string): Session | undefined {
        return this.sessions.get().find(found => path === found.path || path.startsWith(`${found.path}/`));
    }

    private async ask(path: string): Promise<readonly Session[]> {
        const { project, session } = await this.api.call('entry.show', { path });
        if (!project) {
            return [];
        }
        const page = await this.api.call('session.list', { project, search: session, limit: MOST });
        return page.items;
    }

    private folder: string | undefined;
    private turn = 0;
}

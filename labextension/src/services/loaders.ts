import { at, type Api } from '../api/client';
import type { Entry } from '../api/types';
import { loadingCells } from './actions';

const KEPT = 50;

/** The lines of Python that load entries: asked for when a drag may begin, since a drag cannot wait for an answer. */
export class Loaders {
    constructor(private api: Api) {}

    /** The lines for an entry; nothing where the server does not say how it is loaded. */
    ask(entry: Entry): Promise<string> {
        const key = entry.path_b64 || entry.path;
        const asked = this.asked.get(key) ?? this.fetched(entry);
        this.asked.delete(key);
        this.asked.set(key, asked);
        if (this.asked.size > KEPT) {
            const [oldest] = this.asked.keys();
            this.asked.delete(oldest);
            this.known.delete(oldest);
        }
        void asked.then(lines => this.asked.has(key) && this.known.set(key, lines));
        return asked;
    }

    /** What is known of it now; its path where that is nothing. */
    now(entry: Entry): string {
        return this.known.get(entry.path_b64 || entry.path) || entry.path;
    }

    private async fetched(entry: Entry): Promise<string> {
        const links = await this.api.call('entry.links', at(entry)).catch(() => undefined);
        const python = links?.items.find(({ tool }) => tool === 'Python')?.value;
        return python ? `${loadingCells(python)[0]}\n` : '';
    }

    private asked = new Map<string, Promise<string>>();
    private known = new Map<string, string>();
}

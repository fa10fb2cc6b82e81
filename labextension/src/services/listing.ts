import { at, type Api, type Located } from '../api/client';
import { ApiProblem, asProblem } from '../api/problem';
import type { Entry, FolderPage } from '../api/types';
import type { Jobs } from './jobs';
import { Value } from './value';

const PAGE = 200;
const KEPT_PAGES = 40;
const LOOK_AGAIN_MS = 4000;

export interface ListingState {
    /** The newest answer, which says what holds for the whole folder. */
    head?: FolderPage;
    problem?: ApiProblem;
    loading: boolean;
    /** Names came or went since the shown snapshot was made. */
    changed: boolean;
}

/**
 * A folder of any size, of which only the looked-at pages are held.
 *
 * All pages come from the snapshot of names that the first answer pinned, so a row never moves under the pointer while
 * files arrive; `changed` says that there is something new, and `refresh` takes it.
 */
export class Listing {
    readonly state = new Value<ListingState>({ loading: true, changed: false });

    constructor(
        private api: Api,
        readonly folder: Located,
        readonly sort = 'name',
        readonly filter = ''
    ) {
        void this.refresh();
    }

    get total(): number {
        return this.state.get().head?.total ?? 0;
    }

    /** The entry in row `index`, if its page is here. */
    entry(index: number): Entry | undefined {
        return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
    }

    /** The rows that are here, by index. */
    *loaded(): Generator<[number, Entry]> {
        for (const [page, entries] of [...this.pages].sort(([a], [b]) => a - b)) {
            for (const [offset, entry] of entries.entries()) {
                yield [page * PAGE + offset, entry];
            }
        }
    }

    /** The entries of these rows, here already or not. */
    async range(first: number, last: number): Promise<Entry[]> {
        const found: Entry[] = [];
        for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) {
            if (!this.pages.has(page)) {
                await this.load(page);
            }
            const begin = page * PAGE;
            found.push(...(this.pages.get(page) ?? []).slice(Math.max(0, first - begin), last - begin + 1));
        }
        return found;
    }

    /** Get the pages of these rows. */
    want(first: number, last: number): void {
        if (!this.state.get().head) {
            return;
        }
        for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) {
            const known = this.pages.get(page);
            if (known) {
                this.pages.delete(page); // to the end: the last used are kept
                this.pages.set(page, known);
            } else if (!this.asked.has(page) && page * PAGE < this.total) {
                void this.load(page);
            }
        }
    }

    /** Look at the folder anew. What is shown stays until the answer is here. */
    async refresh(): Promise<void> {
        this.turn.abort();
        this.turn = new AbortController();
        const { signal } = this.turn;
        this.asked.clear();
        this.patch({ loading: true });
        try {
            const head = await this.ask(0, '', signal);
            this.pages = new Map([[0, head.items]]);
            this.patch({ head, loading: false, problem: undefined, changed: false });
        } catch (error) {
            if (!signal.aborted) {
                this.patch({ loading: false, problem: asProblem(error) });
            }
        }
    }

    /** How many entries an order would need a look at, where the server wants to be asked for that as a job. */
    get toSort(): number {
        const entries = this.state.get().problem?.problem.entries;
        return typeof entries === 'number' ? entries : 0;
    }

    /** Sort a very large folder all the same, and show it when that is done. */
    async sortAnyway(jobs: Jobs): Promise<void> {
        const { signal } = this.turn;
        try {
            const wanted = { ...at(this.folder), sort: this.sort, filter: this.filter, limit: PAGE };
            const { job } = await this.api.call('folder.sort', wanted, signal);
            jobs.follow(job);
            this.patch({ loading: true, problem: undefined });
            const ended = await jobs.ended(job.id);
            if (ended.problem) {
                throw new ApiProblem(ended.problem);
            }
            const head = ended.result as unknown as FolderPage;
            this.pages = new Map([[0, head.items]]);
            this.patch({ head, loading: false, changed: false });
        } catch (error) {
            if (!signal.aborted) {
                this.patch({ loading: false, problem: asProblem(error) });
            }
        }
    }

    /** Ask now and then whether the folder moved on; the answer ends that. */
    watch(visible: () => boolean): () => void {
        const timer = setInterval(() => {
            if (visible() && !this.state.get().changed && this.state.get().head) {
                void this.peek();
            }
        }, LOOK_AGAIN_MS);
        return () => clearInterval(timer);
    }

    dispose(): void {
        this.turn.abort();
    }

    private ask(start: number, cursor: string, signal: AbortSignal, limit = PAGE): Promise<FolderPage> {
        const wanted = { ...at(this.folder), limit, cursor, start, sort: this.sort, filter: this.filter };
        return this.api.call('folder.list', wanted, signal);
    }

    private async load(page: number): Promise<void> {
        const { signal } = this.turn;
        this.asked.add(page);
        try {
            const answer = await this.ask(page * PAGE, this.state.get().head?.cursor ?? '', signal);
            this.pages.set(page, answer.items);
            this.forget();
            this.patch({ changed: this.state.get().changed || answer.changed, problem: undefined });
        } catch (error) {
            if (!signal.aborted) {
                await this.failed(asProblem(error));
            }
        } finally {
            this.asked.delete(page);
        }
    }

    private async failed(problem: ApiProblem): Promise<void> {
        if (problem.code === 'cursor-expired') {
            await this.refresh();
        } else {
            this.patch({ problem });
        }
    }

    private async peek(): Promise<void> {
        const { signal } = this.turn;
        const answer = await this.ask(0, this.state.get().head?.cursor ?? '', signal, 1).catch(
            () => undefined
        );
        if (answer?.changed && !signal.aborted) {
            this.patch({ changed: true });
        }
    }

    private forget(): void {
        for (const page of this.pages.keys()) {
            if (this.pages.size <= KEPT_PAGES) {
                return;
            }
            this.pages.delete(page);
        }
    }

    private patch(part: Partial<ListingState>): void {
        this.state.set({ ...this.state.get(), ...part });
    }

    private pages = new Map<number, Entry[]>();
    private asked = new Set<number>();
    private turn = new AbortController();
}

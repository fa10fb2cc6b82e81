import { at, type Api, type Located } from '../api/client';
import { asProblem } from '../api/problem';
import type { Host } from '../ui/host';
import { Sha256 } from './sha256';
import {
    isKept,
    isUnderWay,
    keyOf,
    pause,
    problemOf,
    wantedOf,
    type ChosenFile,
    type Upload,
    type Wanted
} from './upload';
import { Value } from './value';

const KEY = 'uploads';
const PIECE = 4 << 20;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const TOLD_EVERY_MS = 150;
const MOST_KEPT = 500;
/** What passes by itself: no answer, or a proxy that says so. */
const PASSING = new Set([0, 502, 503, 504]);

/** Files that go to the server one after the other, and go on where they stopped. */
export class Uploads {
    readonly items = new Value<readonly Upload[]>([]);

    constructor(
        private api: Api,
        private host: Host,
        private arrived: (folder: Located) => void
    ) {}

    /** Know again what a reload of the page has cut off. */
    async restore(): Promise<void> {
        const kept = await this.host.store.load(KEY).catch(() => undefined);
        const lost = Array.isArray(kept) ? kept.filter(isKept) : [];
        this.items.set([
            ...this.items.get(),
            ...lost.map(one => ({ ...one, id: this.next(), state: 'lost' as const, sent: 0, checked: 0 }))
        ]);
    }

    /** Send these files; those that were cut off go on. */
    add(folder: Located, files: readonly ChosenFile[]): void {
        const known = new Map(this.items.get().map(item => [keyOf(item), item]));
        const added: Upload[] = [];
        for (const { name, file } of files) {
            const wanted = {
                folder: at(folder),
                name: name.normalize('NFC'),
                size: file.size,
                modified: Math.max(0, file.lastModified)
            };
            const before = known.get(keyOf(wanted));
            if (before && isUnderWay(before)) {
                continue;
            }
            const id = this.next();
            this.files.set(id, file);
            added.push({ ...wanted, id, state: 'waiting', sent: 0, checked: 0 });
        }
        const again = new Set(added.map(keyOf));
        this.set([...this.items.get().filter(item => !again.has(keyOf(item))), ...added]);
        void this.run();
    }

    /** Go on with lost files that were chosen again, wherever they were going to; answers those that are none of them. */
    addLost(files: readonly ChosenFile[]): ChosenFile[] {
        const lost = this.items.get().filter(({ state }) => state === 'lost');
        const others: ChosenFile[] = [];
        for (const chosen of files) {
            const { file } = chosen;
            const base = file.name.normalize('NFC');
            const found = lost.find(
                ({ name, size, modified }) =>
                    (name === base || name.endsWith(`/${base}`)) &&
                    size === file.size &&
                    modified === Math.max(0, file.lastModified)
            );
            if (found) {
                this.add(found.folder, [{ name: found.name, file }]);
            } else {
                others.push(chosen);
            }
        }
        return others;
    }

    /** Try again what failed. */
    retry(id: number): void {
        if (this.files.has(id)) {
            this.patch(id, { state: 'waiting', problem: undefined });
            void this.run();
        }
    }

    /** Stop, and leave nothing of these behind. */
    async cancel(ids: readonly number[]): Promise<void> {
        const going = this.items.get().filter(({ id }) => ids.includes(id));
        this.set(this.items.get().filter(({ id }) => !ids.includes(id)));
        for (const { id } of going) {
            this.stops.get(id)?.abort();
            this.files.delete(id);
        }
        for (const item of going) {
            if (item.state !== 'done' && (item.state !== 'waiting' || item.sent > 0)) {
                await this.running.get(item.id);
                await this.api.call('upload.cancel', wantedOf(item)).catch(() => undefined);
            }
        }
    }

    /** Have what has ended out of the list. */
    clear(): void {
        this.set(this.items.get().filter(({ state }) => state !== 'done' && state !== 'failed'));
    }

    dispose(): void {
        this.disposed = true;
        this.stops.forEach(stop => stop.abort());
    }

    private async run(): Promise<void> {
        if (this.busy) {
            return;
        }
        this.busy = true;
        try {
            let item: Upload | undefined;
            while (!this.disposed && (item = this.items.get().find(({ state }) => state === 'waiting'))) {
                const going = this.one(item);
                this.running.set(item.id, going);
                await going;
                this.running.delete(item.id);
            }
        } finally {
            this.busy = false;
        }
    }

    private async one(item: Upload): Promise<void> {
        const file = this.files.get(item.id);
        const stop = new AbortController();
        this.stops.set(item.id, stop);
        try {
            if (!file) {
                this.patch(item.id, { state: 'lost' });
                return;
            }
            while (!(await this.whole(item, file, stop.signal))) {
                // What was here is here no more, so it begins again.
            }
            this.files.delete(item.id);
            this.patch(item.id, { state: 'done', sent: item.size });
            this.arrived(item.folder);
        } catch (error) {
            if (!stop.signal.aborted) {
                this.patch(item.id, { state: 'failed', problem: problemOf(error, this.host) });
            }
        } finally {
            this.stops.delete(item.id);
        }
    }

    /** Send a file from its beginning, without what is there already; false where that has to begin again. */
    private async whole(item: Upload, file: File, signal: AbortSignal): Promise<boolean> {
        const wanted = wantedOf(item);
        const { id, size } = item;
        const hash = new Sha256();
        let offset = (await this.patiently(id, signal, () => this.api.call('upload.begin', wanted, signal)))
            .offset;
        this.patch(id, { state: 'sending', sent: offset, checked: 0 });
        for (let start = 0; start < size; start += PIECE) {
            const piece = new Uint8Array(await file.slice(start, start + PIECE).arrayBuffer());
            const end = start + piece.length;
            hash.update(piece);
            while (offset < end) {
                if (offset < start) {
                    return false;
                }
                const rest = piece.subarray(offset - start);
                offset = await this.patiently(id, signal, retried =>
                    this.piece(wanted, offset, rest, retried, signal)
                );
                this.tell(id, { state: 'sending', sent: offset });
            }
            if (signal.aborted) {
                throw new DOMException('stopped', 'AbortError');
            }
        }
        const finish = { ...wanted, sha256: hash.hex() };
        for (;;) {
            const { checked, done } = await this.patiently(id, signal, () =>
                this.api.call('upload.finish', finish, signal)
            );
            this.tell(id, { state: 'checking', sent: size, checked });
            if (done) {
                return true;
            }
        }
    }

    /** Send one piece, unless the server has it; answers where it goes on. */
    private async piece(
        wanted: Wanted,
        offset: number,
        piece: Uint8Array,
        retried: boolean,
        signal: AbortSignal
    ): Promise<number> {
        if (retried) {
            const here = (await this.api.call('upload.begin', wanted, signal)).offset;
            if (here !== offset) {
                return here;
            }
        }
        try {
            return (await this.api.uploadPiece({ ...wanted, offset }, piece, signal)).offset;
        } catch (error) {
            const here = asProblem(error).problem.offset;
            if (typeof here === 'number') {
                return here;
            }
            throw error;
        }
    }

    /** Ask until there is an answer; what is more than a pause is raised. */
    private async patiently<T>(
        id: number,
        signal: AbortSignal,
        ask: (retried: boolean) => Promise<T>
    ): Promise<T> {
        for (
            let wait = FIRST_WAIT_MS, retried = false;
            ;
            wait = Math.min(2 * wait, LONGEST_WAIT_MS), retried = true
        ) {
            try {
                return await ask(retried);
            } catch (error) {
                const problem = asProblem(error);
                if (signal.aborted || !(PASSING.has(problem.status) || problem.code === 'conflict')) {
                    throw error;
                }
                this.patch(id, { state: 'held-up', problem });
                await pause(wait, signal);
                this.patch(id, { problem: undefined });
            }
        }
    }

    private tell(id: number, change: Partial<Upload>): void {
        const now = Date.now();
        if (now - this.told >= TOLD_EVERY_MS) {
            this.told = now;
            this.patch(id, change);
        }
    }

    private patch(id: number, change: Partial<Upload>): void {
        this.set(this.items.get().map(item => (item.id === id ? { ...item, ...change } : item)));
    }

    private set(items: readonly Upload[]): void {
        this.items.set(items);
        const open = items.filter(item => isUnderWay(item) || item.state === 'lost').slice(0, MOST_KEPT);
        const text = JSON.stringify(
            open.map(({ folder, name, size, modified }) => ({ folder, name, size, modified }))
        );
        if (text !== this.kept) {
            this.kept = text;
            void this.host.store.save(KEY, JSON.parse(text)).catch(() => undefined);
        }
    }

    private next = (): number => (this.made += 1);

    private made = 0;
    private told = 0;
    private kept = '[]';
    private busy = false;
    private disposed = false;
    private files = new Map<number, File>();
    private stops = new Map<number, AbortController>();
    private running = new Map<number, Promise<void>>();
}

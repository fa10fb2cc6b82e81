import type { Api, Located } from '../api/client';
import type { Entry, Project, Session, UnsealRequest } from '../api/types';
import type { Host } from '../ui/host';
import { Jobs } from './jobs';
import { Loaders } from './loaders';
import { News } from './news';
import { Places, type Around } from './place';
import { ServerPart } from './serverpart';
import { Uploads } from './uploads';
import { Upstream } from './upstream';
import { Value } from './value';

/** A dialog that is open, and what it is about. */
export type Ask =
    | { kind: 'new-project' }
    | { kind: 'mails' }
    | { kind: 'new-session'; project: string; path_b64?: string }
    | { kind: 'edit-project'; project: Project }
    | { kind: 'edit-session'; session: Session }
    | { kind: 'members'; project: Project }
    | { kind: 'visibility'; project: Project }
    | { kind: 'transfer'; project: Project }
    | { kind: 'decline-unseal'; request: UnsealRequest }
    | { kind: 'adopt'; project: Project }
    | { kind: 'rights'; project: Project }
    | { kind: 'request-unseal'; session: Session }
    | { kind: 'seal'; session: Session }
    | { kind: 'unseal'; session: Session }
    | { kind: 'explain'; entry: Located }
    | { kind: 'new-folder'; folder: Located }
    | { kind: 'rename-entry'; entry: Entry }
    | { kind: 'move-entries'; entries: readonly Entry[]; project: string }
    | { kind: 'make-session'; entry: Entry; project: string }
    | { kind: 'download'; entries: readonly Located[] }
    | { kind: 'links'; entry: Located }
    | { kind: 'libertem'; entry: Located };

/** Everything that the interface stands on; no DOM in it. */
export class Modama {
    readonly news: News;
    readonly jobs: Jobs;
    readonly places: Places;
    readonly server: ServerPart;
    readonly upstream: Upstream;
    readonly uploads: Uploads;
    readonly loaders: Loaders;
    readonly ask = new Value<Ask | undefined>(undefined);
    /** The entry that commands and menus act on. */
    readonly selected = new Value<Entry | undefined>(undefined);
    /** All that is selected there. */
    readonly chosen = new Value<readonly Entry[]>([]);
    /** What the shown folder lies in, as the server said it last. */
    readonly around = new Value<Around>({ project: '', session: '' });
    /** Goes up when projects or sessions may have changed, so that lists are asked for again. */
    readonly revision = new Value(0);

    constructor(
        readonly api: Api,
        readonly host: Host,
        version: string
    ) {
        this.news = new News(api);
        this.jobs = new Jobs(api, host, this.news);
        this.places = new Places(host.store);
        this.server = new ServerPart(api, version);
        this.upstream = new Upstream(api, this.server, this.news, () => this.changed());
        this.uploads = new Uploads(api, host, () => this.changed());
        this.loaders = new Loaders(api);
        const ended = new Set<string>();
        this.jobs.all.subscribe(() => {
            for (const job of this.jobs.all.get().values()) {
                if (job.ended && !ended.has(job.id)) {
                    ended.add(job.id);
                    this.changed();
                }
            }
        });
        for (const type of ['seal', 'members']) {
            this.news.on(type, () => this.changed());
        }
    }

    /** Meet the server; may be asked for by several at once, and again after a failure. */
    start(): Promise<void> {
        this.starting ??= this.meet().finally(() => (this.starting = undefined));
        return this.starting;
    }

    private async meet(): Promise<void> {
        if (!(await this.server.check()) || this.started) {
            return;
        }
        this.started = true;
        await this.places.restore();
        if (this.host.events === 'stream') {
            this.news.start();
        }
        await this.uploads.restore();
        await this.jobs.resume().catch(() => undefined);
    }

    changed(): void {
        this.revision.set(this.revision.get() + 1);
    }

    dispose(): void {
        this.news.dispose();
        this.jobs.dispose();
        this.upstream.dispose();
        this.uploads.dispose();
    }

    private started = false;
    private starting: Promise<void> | undefined;
}

import type { Api } from '../api/client';
import type { Job } from '../api/types';
import type { Host, Note, ShownNote } from '../ui/host';
import type { News } from './news';
import { phrase, type Phrase } from './phrases';
import { Value } from './value';

const ENDED = new Set(['done', 'failed', 'cancelled']);
const POLL_MS = 1000;
/** How long a message waits for the panel to show the same. */
const GRACE_MS = 500;

export const hasEnded = (job: Job): boolean => ENDED.has(job.state);

/** Long operations: their progress, one message for each, and who waits for their end. */
export class Jobs {
    /** Jobs by id, those that run and those that ended while the page was open. */
    readonly all = new Value<ReadonlyMap<string, Job>>(new Map());

    constructor(
        private api: Api,
        private host: Host,
        news: News
    ) {
        news.on('job', event => void this.heard(event.data ?? {}));
    }

    /** Take up what runs already, for example after a reload of the page. */
    async resume(): Promise<void> {
        for (const state of ['running', 'queued']) {
            const { items } = await this.api.call('job.list', { state });
            items.forEach(job => this.follow(job));
        }
    }

    /** Show a job's progress until it ends. */
    follow(job: Job): void {
        this.took(job);
        this.wait();
    }

    async cancel(id: string): Promise<void> {
        this.took(await this.api.call('job.cancel', { id }));
    }

    /** The running job of a session, or the one that ended last. */
    of(project: string, session: string): Job | undefined {
        const jobs = [...this.all.get().values()].filter(
            job => job.project === project && job.session === session
        );
        return jobs.find(job => !hasEnded(job)) ?? jobs[jobs.length - 1];
    }

    /** The panel shows this job itself until the answer is called; meanwhile no message says the same. */
    inSight(id: string): () => void {
        this.seen.add(id);
        this.notes.get(id)?.dismiss();
        this.notes.delete(id);
        return () => {
            this.seen.delete(id);
            const job = this.all.get().get(id);
            if (job && !hasEnded(job)) {
                this.show(job);
            }
        };
    }

    /** The job when it has ended. */
    ended(id: string): Promise<Job> {
        return new Promise(resolve => {
            const look = () => {
                const job = this.all.get().get(id);
                if (job && hasEnded(job)) {
                    stop();
                    resolve(job);
                }
            };
            const stop = this.all.subscribe(look);
            look();
        });
    }

    dispose(): void {
        clearTimeout(this.timer);
        this.timer = undefined;
        this.disposed = true;
    }

    private async heard(data: Record<string, unknown>): Promise<void> {
        const job = (data.job ?? data) as Partial<Job>;
        if (job.id && job.state && job.op) {
            this.took(job as Job);
        } else if (job.id) {
            this.took(await this.api.call('job.show', { id: job.id }));
        }
    }

    private took(job: Job): void {
        const known = this.all.get().get(job.id);
        if (known && (hasEnded(known) || (known.changed ?? '') > (job.changed ?? ''))) {
            return;
        }
        if (!known && hasEnded(job)) {
            return;
        }
        this.all.set(new Map(this.all.get()).set(job.id, job));
        this.show(job);
    }

    /** Ask for what the event stream may not bring: it may be down, or the job in another server. */
    private wait(): void {
        if (this.timer !== undefined || this.disposed) {
            return;
        }
        this.timer = setTimeout(() => {
            this.timer = undefined;
            void this.ask();
        }, POLL_MS);
    }

    private async ask(): Promise<void> {
        const open = [...this.all.get().values()].filter(job => !hasEnded(job));
        for (const { id } of open) {
            const job = await this.api.call('job.show', { id }).catch(() => undefined);
            if (job) {
                this.took(job);
            }
        }
        if ([...this.all.get().values()].some(job => !hasEnded(job))) {
            this.wait();
        }
    }

    /** In one place: in the panel while that shows it, else in a message, and its end always there. */
    private show(job: Job): void {
        if (hasEnded(job) || this.notes.has(job.id)) {
            this.say(job);
            return;
        }
        setTimeout(() => {
            const now = this.all.get().get(job.id);
            if (now && !hasEnded(now) && !this.disposed && !this.seen.has(job.id)) {
                this.say(now);
            }
        }, GRACE_MS);
    }

    private say(job: Job): void {
        const note = this.note(job, phrase(job, this.host.trans));
        const shown = this.notes.get(job.id);
        if (shown) {
            shown.update(note);
        } else {
            this.notes.set(job.id, this.host.notify(note));
        }
        if (hasEnded(job)) {
            this.notes.delete(job.id);
        }
    }

    private note(job: Job, says: Phrase): Note {
        const { trans } = this.host;
        if (!hasEnded(job) && job.state !== 'interrupted') {
            const cancel = { label: trans.__('Cancel'), do: () => void this.cancel(job.id) };
            return {
                kind: 'progress',
                text: says.text,
                progress: says.progress,
                actions: job.cancellable ? [cancel] : []
            };
        }
        return { kind: says.kind, text: says.text };
    }

    private seen = new Set<string>();
    private notes = new Map<string, ShownNote>();
    private timer: ReturnType<typeof setTimeout> | undefined;
    private disposed = false;
}

import type { Job } from '../api/types';
import type { NoteKind, Translation } from '../ui/host';
import { amount, bytes } from './format';

export interface Phrase {
    kind: NoteKind;
    text: string;
    progress?: number;
}

/** What a job says to the person who waits for it. */
export function phrase(job: Job, trans: Translation): Phrase {
    const title = titleOf(job, trans);
    switch (job.state) {
        case 'done':
            return { kind: 'success', text: trans.__('%1: done.', title) };
        case 'failed':
            return {
                kind: 'error',
                text: trans.__('%1: %2', title, job.problem?.detail ?? trans.__('failed'))
            };
        case 'cancelled':
            return {
                kind: 'warning',
                text: trans.__('%1: %2', title, job.problem?.detail ?? trans.__('cancelled'))
            };
        case 'interrupted':
            return {
                kind: 'warning',
                text: trans.__('%1: interrupted; it goes on when it is started again.', title)
            };
        default:
            return {
                kind: 'progress',
                text: trans.__('%1: %2', title, progressText(job, trans)),
                progress: fraction(job)
            };
    }
}

/** How far a job is, from 0 to 1; undefined while the whole is not known. */
export function fraction(job: Job): number | undefined {
    return job.total > 0 ? Math.min(1, job.done / job.total) : undefined;
}

/** How far a job is, in words. */
export function progressText(job: Job, trans: Translation): string {
    const phase =
        job.phase || (job.state === 'queued' ? trans.__('waiting for its turn') : trans.__('running'));
    if (job.message) {
        return `${phase}, ${job.message}`;
    }
    if (job.total <= 0) {
        return phase;
    }
    const count = (n: number) => (job.unit === 'bytes' ? bytes(n) : amount(n));
    return job.unit === 'bytes'
        ? trans.__('%1, %2 of %3', phase, count(job.done), count(job.total))
        : trans.__('%1, %2 of %3 %4', phase, count(job.done), count(job.total), job.unit);
}

function titleOf(job: Job, trans: Translation): string {
    switch (job.op) {
        case 'session.seal':
            return trans.__('Sealing “%1”', job.session);
        case 'session.verify':
            return trans.__('Verifying “%1”', job.session);
        case 'session.undo_seal':
            return trans.__('Undoing the seal of “%1”', job.session);
        case 'session.unseal':
            return trans.__('Unsealing “%1”', job.session);
        case 'folder.sort':
            return trans.__('Sorting “%1”', String(job.wanted.path ?? ''));
        default:
            return job.op;
    }
}

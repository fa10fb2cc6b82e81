import type { Job } from '../api/types';
import type { NoteKind, Translation } from '../ui/host';
import { amount, bytes } from './format';
import { phaseWord, unitWord } from './phases';

export interface Phrase {
    kind: NoteKind;
    text: string;
    progress?: number;
}

/** Operations that end with a sentence about what they found. */
const REPORTS = new Set(['project.check', 'project.repair']);

/** What a job says to the person who waits for it. */
export function phrase(job: Job, trans: Translation): Phrase {
    const title = titleOf(job, trans);
    switch (job.state) {
        case 'done':
            return ended(job, title, trans);
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

/** What a job that went well brought about: a verification says what it found, a seal what changed since the one before. */
function ended({ op, result }: Job, title: string, trans: Translation): Phrase {
    const { files, warnings, sentence, found, seal, remark } = (result ?? {}) as {
        files?: number;
        warnings?: string[];
        sentence?: string;
        remark?: string;
        found?: { mendable: boolean; left: number }[];
        seal?: { since?: { sentence: string } | null } | null;
    };
    if (REPORTS.has(op) && sentence) {
        const isLeft = found?.some(({ mendable, left }) => (op === 'project.check' ? mendable : left > 0));
        return { kind: isLeft ? 'warning' : 'success', text: trans.__('%1: %2', title, sentence) };
    }
    if (op === 'session.seal' && seal?.since) {
        return { kind: 'success', text: trans.__('%1: done; %2.', title, seal.since.sentence) };
    }
    if (op !== 'session.verify' || typeof files !== 'number') {
        return { kind: 'success', text: trans.__('%1: done.', title) };
    }
    const matches = trans._n(
        '%2: 1 file matches its checksum.',
        '%2: %3 files match their checksums.',
        files,
        title,
        amount(files)
    );
    return warnings?.length
        ? { kind: 'warning', text: `${matches} ${warnings.join(' ')}` }
        : { kind: 'success', text: remark ? trans.__('%1 (%2)', matches, remark) : matches };
}

/** How much data it is, and in how many files. */
export const amountOfData = (size: number, files: number, trans: Translation): string =>
    trans._n('%2 in 1 file', '%2 in %3 files', files, bytes(size), amount(files));

/** How far a job is, from 0 to 1; undefined while the whole is not known. */
export function fraction(job: Job): number | undefined {
    return job.total > 0 ? Math.min(1, job.done / job.total) : undefined;
}

/** How far a job is, in words. */
export function progressText(job: Job, trans: Translation): string {
    const phase =
        phaseWord(job.phase, trans) ||
        (job.state === 'queued' ? trans.__('waiting for its turn') : trans.__('running'));
    if (job.message) {
        return `${phase}, ${job.message}`;
    }
    if (job.total <= 0) {
        return phase;
    }
    if (job.unit === 'bytes') {
        return trans.__('%1, %2 of %3', phase, bytes(job.done), bytes(job.total));
    }
    return job.unit === 'files'
        ? trans._n(
              '%2, %3 of 1 file',
              '%2, %3 of %4 files',
              job.total,
              phase,
              amount(job.done),
              amount(job.total)
          )
        : trans.__('%1, %2 of %3 %4', phase, amount(job.done), amount(job.total), unitWord(job.unit, trans));
}

function titleOf(job: Job, trans: Translation): string {
    const project = job.project.split('/').pop() ?? job.project;
    switch (job.op) {
        case 'session.seal':
            return trans.__('Sealing “%1”', job.session);
        case 'session.verify':
            return trans.__('Verifying “%1”', job.session);
        case 'session.undo_seal':
            return trans.__('Undoing the seal of “%1”', job.session);
        case 'session.unseal':
            return trans.__('Unsealing “%1”', job.session);
        case 'site.count':
            return trans.__('Counting all projects');
        case 'folder.sort':
            return trans.__('Sorting “%1”', String(job.wanted.path ?? ''));
        case 'project.set_members':
            return trans.__('Changing the members of “%1”', project);
        case 'project.set_visibility':
            return trans.__('Changing who can read “%1”', project);
        case 'project.transfer':
            return trans.__('Giving “%1” to another owner', project);
        case 'project.adopt':
            return trans.__('Adopting “%1”', project);
        case 'project.check':
            return trans.__('Checking the rights in “%1”', project);
        case 'project.repair':
            return trans.__('Repairing the rights in “%1”', project);
        default:
            return job.op;
    }
}

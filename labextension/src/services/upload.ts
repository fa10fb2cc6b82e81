import { at, type Located } from '../api/client';
import { asProblem, type ApiProblem } from '../api/problem';
import type { Host } from '../ui/host';

/** A file that the person chose; `name` may begin with the folders that came with it. */
export interface ChosenFile {
    name: string;
    file: File;
}

export type UploadState = 'waiting' | 'sending' | 'held-up' | 'checking' | 'done' | 'failed' | 'lost';

/** A file on its way; a lost one is known from before a reload, and the browser needs to be given it again. */
export interface Upload {
    id: number;
    folder: Located;
    name: string;
    size: number;
    modified: number;
    state: UploadState;
    sent: number;
    checked: number;
    problem?: ApiProblem;
}

export const isUnderWay = ({ state }: Upload): boolean =>
    state === 'waiting' || state === 'sending' || state === 'held-up' || state === 'checking';

export type Kept = Pick<Upload, 'folder' | 'name' | 'size' | 'modified'>;

export const keyOf = ({ folder, name, size, modified }: Kept): string =>
    JSON.stringify([folder.path, folder.path_b64 ?? '', name, size, modified]);

export type Wanted = ReturnType<typeof wantedOf>;

export function wantedOf({ folder, name, size, modified }: Kept) {
    return { ...at(folder), name, size_bytes: size, modified_ms: Math.floor(modified) };
}

export function isKept(value: unknown): value is Kept {
    const { folder, name, size, modified } = (value ?? {}) as Record<string, unknown>;
    return (
        typeof (folder as Located | undefined)?.path === 'string' &&
        typeof name === 'string' &&
        typeof size === 'number' &&
        typeof modified === 'number'
    );
}

/** What stopped a file; a browser that cannot read it says so in its own way. */
export function problemOf(error: unknown, { trans }: Host): ApiProblem {
    const problem = asProblem(error);
    if (error instanceof DOMException && error.name !== 'AbortError') {
        problem.problem.status = 1;
        problem.message = trans.__(
            'The browser cannot read this file any more: it was changed, moved or removed.'
        );
    }
    return problem;
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener('abort', () => {
            clearTimeout(timer);
            reject(new DOMException('stopped', 'AbortError'));
        });
    });
}

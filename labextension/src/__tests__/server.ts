import type { Api, Located } from '../api/client';
import { CONTRACT } from '../api/contract';
import { ApiProblem } from '../api/problem';
import type {
    Answer,
    Entry,
    FolderPage,
    Job,
    OperationName,
    Project,
    SealSurvey,
    Session,
    Status
} from '../api/types';
import { trans as english } from '../page/words';
import { Modama } from '../services/modama';
import type { Host, Note, ShownNote } from '../ui/host';
import { VERSION } from '../version';

/** A server in memory: answers by operation, and remembers what it was asked. */
export class FakeApi implements Api {
    readonly base = 'http://localhost/';
    readonly asked: { op: string; wanted: Record<string, unknown> }[] = [];
    answers: Record<string, (wanted: Record<string, unknown>) => unknown> = {
        'job.list': () => ({ items: [] }),
        'project.list': () => ({ items: [], total: 0, cursor: '' }),
        status: () => status()
    };

    private async answer<T>(op: string, wanted: object, signal?: AbortSignal): Promise<T> {
        this.asked.push({ op, wanted: wanted as Record<string, unknown> });
        await Promise.resolve();
        signal?.throwIfAborted?.();
        const make = this.answers[op];
        if (!make) {
            throw problem('not-found', 404, `nothing answers ${op}`);
        }
        return make(wanted as Record<string, unknown>) as T;
    }

    call<K extends OperationName>(op: K, wanted: object, signal?: AbortSignal): Promise<Answer<K>> {
        return this.answer(op, wanted, signal);
    }

    status = (): Promise<Status> => this.answer('status', {});
    makeRoot = (): Promise<Status> => this.answer('root.make', {});
    preview: Api['preview'] = (at, options, signal) => this.answer('preview', { ...at, ...options }, signal);
    frame: Api['frame'] = (at, options, signal) => this.answer('frame', { ...at, ...options }, signal);
    uploadPiece: Api['uploadPiece'] = (wanted, piece, signal) =>
        this.answer('upload', { ...wanted, piece: piece.length }, signal);
    zipAddress = (ticket: string): string => `http://localhost/zip?ticket=${ticket}`;
    openInLibertem: Api['openInLibertem'] = (at: Located, parameters) =>
        this.answer('libertem.open', { path: at.path, parameters });
    events: Api['events'] = () => Promise.reject(new Error('no stream in this test'));

    /** What an operation was asked, in order. */
    of(op: string): Record<string, unknown>[] {
        return this.asked.filter(ask => ask.op === op).map(ask => ask.wanted);
    }
}

/** The program around the panel: remembers what it was told. */
export class FakeHost implements Host {
    readonly trans = english;
    readonly events = 'poll';
    readonly opened: string[] = [];
    readonly copied: string[] = [];
    readonly notes: { now: Note | undefined; history: Note[] }[] = [];
    readonly kept = new Map<string, unknown>();
    readonly store = {
        load: (key: string) => Promise.resolve(this.kept.get(key)),
        save: (key: string, value: unknown) => Promise.resolve(void this.kept.set(key, value))
    };

    open = (url: string): void => void this.opened.push(url);
    confirm = (): Promise<boolean> => Promise.resolve(true);
    copy = (text: string): Promise<void> => Promise.resolve(void this.copied.push(text));
    notify = (note: Note): ShownNote => {
        const shown: { now: Note | undefined; history: Note[] } = { now: note, history: [note] };
        this.notes.push(shown);
        return {
            update: next => {
                shown.now = next;
                shown.history.push(next);
            },
            dismiss: () => (shown.now = undefined)
        };
    };
}

export function together(): { api: FakeApi; host: FakeHost; modama: Modama } {
    const api = new FakeApi();
    const host = new FakeHost();
    return { api, host, modama: new Modama(api, host, VERSION) };
}

export const problem = (code: string, status: number, detail: string, facts: object = {}): ApiProblem =>
    new ApiProblem({ type: `urn:modama:${code}`, status, detail, ...facts });

// Things as a server answers them -------------------------------------------------------------------------------------

export const status = (facts: Partial<Status> = {}): Status => ({
    version: VERSION,
    contract: CONTRACT,
    mode: 'embedded',
    site: 'test',
    root: '/data',
    contents_root: '',
    person: null,
    areas: ['adhoc'],
    previews: true,
    frames: false,
    libertem: true,
    libertem_note: '',
    problem: '',
    suggested_root: '/home/me/modama-data',
    service: { address: '', state: 'none', says: '' },
    missing: [],
    ...facts
});

const person = { uid: 1000, login: 'mia', display: 'Mia Lund', kind: 'internal' as const };

export const project = (name: string, facts: Partial<Project> = {}): Project => ({
    path: `adhoc/${name}`,
    name,
    area: 'adhoc',
    title: '',
    description: '',
    uuid: '',
    owners: [person],
    members: [],
    members_version: 'v1',
    members_from: '',
    groups: [],
    rules: [],
    mismatches: [],
    visibility: 'private',
    created: null,
    modified: '2024-11-06T09:39:00Z',
    size_bytes: null,
    files: null,
    counted_at: null,
    free_bytes: null,
    quota_bytes: null,
    quota_left_bytes: null,
    backed_up: null,
    sessions: 2,
    unsealed: 1,
    role: 'owner',
    adopted: true,
    fields: {},
    path_b64: '',
    warning: '',
    ...facts
});

export const session = (name: string, facts: Partial<Session> = {}): Session => ({
    project: 'adhoc/p',
    name,
    path: `adhoc/p/${name}`,
    raw: `adhoc/p/${name}/raw`,
    derived: `adhoc/p/${name}/analysis`,
    uuid: '',
    title: '',
    description: '',
    created: null,
    modified: null,
    state: 'writable',
    protection: 'none',
    seal: null,
    size_bytes: null,
    files: null,
    fields: {},
    summary: null,
    notes: `adhoc/p/${name}/notes.md`,
    role: 'member',
    actions: ['seal', 'rename', 'remove', 'update'],
    request: null,
    path_b64: '',
    warning: '',
    ...facts
});

export const entry = (name: string, facts: Partial<Entry> = {}): Entry => ({
    path: `adhoc/p/s/raw/${name}`,
    name,
    kind: 'file',
    size_bytes: 1000,
    modified: '2024-11-06T09:39:00Z',
    owner: 'mia',
    mode: '-rw-rw----',
    writable: true,
    sealed: false,
    tools: [],
    target: '',
    path_b64: '',
    role_in_tree: '',
    addresses: [],
    problem: '',
    ...facts
});

export const folderPage = (items: Entry[], facts: Partial<FolderPage> = {}): FolderPage => ({
    path: 'adhoc/p/s/raw',
    items,
    total: items.length,
    start: 0,
    cursor: 'c1',
    changed: false,
    writable: true,
    sealed: false,
    reason: '',
    path_b64: '',
    project: 'adhoc/p',
    session: 's',
    sort: 'name',
    ...facts
});

export const survey = (facts: Partial<SealSurvey> = {}): SealSurvey => ({
    project: 'adhoc/p',
    session: 's',
    state: 'writable',
    protection: 'immutable',
    files: 240,
    bytes: 57_000_000,
    folders: 3,
    links: 0,
    writers: [],
    writer_count: 0,
    writers_checked: 'checked',
    junk: [],
    junk_count: 0,
    junk_bytes: 0,
    empty_files: 0,
    hard_links: [],
    unreadable: [],
    undo_minutes: 15,
    can_undo: 'you, within 15 minutes',
    can_unseal: 'administrators, with a reason',
    adoptable: true,
    problem: '',
    warnings: [],
    ...facts
});

export const job = (facts: Partial<Job> = {}): Job => ({
    id: 'j1',
    op: 'session.seal',
    wanted: {},
    actor: 'mia',
    state: 'running',
    project: 'adhoc/p',
    session: 's',
    phase: 'hashing',
    done: 0,
    total: 0,
    unit: 'files',
    message: '',
    result: null,
    problem: null,
    started: null,
    ended: null,
    changed: null,
    cancellable: true,
    ...facts
});

import { connect } from '../api/client';
import { problemOf } from '../api/problem';
import { parseEvents } from '../api/stream';
import { openInLibertem, openInNotebook } from '../services/actions';
import { bytes, countdown, span } from '../services/format';
import { Listing } from '../services/listing';
import { folderOf, partOf } from '../services/part';
import { above } from '../services/place';
import { amountOfData, phrase } from '../services/phrases';
import { VERSION } from '../version';
import * as manifest from '../../package.json';
import { entry, folderPage, job, problem, session, status, together } from './server';

const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) {
        await Promise.resolve();
    }
};

test('both halves say the version that package.json says', () => {
    expect(VERSION).toBe(manifest.version);
});

describe('what goes over the wire', () => {
    test('a call is a POST of JSON to the operation’s address', async () => {
        const sent: [string, RequestInit][] = [];
        const api = connect('http://here/user/mia/', (url, init) => {
            sent.push([url, init]);
            return Promise.resolve({ ok: true, json: () => Promise.resolve({ name: 'p' }) } as Response);
        });
        await expect(api.call('project.show', { project: "adhoc/ä #&%'" })).resolves.toEqual({ name: 'p' });
        expect(sent[0][0]).toBe('http://here/user/mia/modama/api/project.show');
        expect(JSON.parse(sent[0][1].body as string)).toEqual({ project: "adhoc/ä #&%'" });
    });

    test('a path in an address is quoted, and facts come with the picture', async () => {
        const sent: string[] = [];
        const api = connect('/', url => {
            sent.push(url);
            return Promise.resolve({
                ok: true,
                blob: () => Promise.resolve(new Blob()),
                headers: { get: () => '{"frames": 3}' }
            } as unknown as Response);
        });
        const found = await api.preview({ path: 'a/b&c#d%.dm4' }, { size: 64, contrast: 'log', gamma: 1 });
        expect(sent[0]).toBe('/modama/api/preview?path=a%2Fb%26c%23d%25.dm4&size=64&contrast=log&gamma=1');
        expect(found.facts.frames).toBe(3);
    });

    test('no answer is a problem, not an exception of the browser', async () => {
        const api = connect('/', () => Promise.reject(new TypeError('Failed to fetch')));
        await expect(api.status()).rejects.toMatchObject({ code: 'unreachable', status: 0 });
    });

    test('a 404 without a problem in it means that the server part is missing', async () => {
        const answer = (text: string) =>
            ({
                status: 404,
                statusText: 'Not Found',
                json: async () => JSON.parse(text) as unknown
            }) as Response;
        expect((await problemOf(answer('<html>'))).code).toBe('no-server-part');
        expect((await problemOf(answer('{"message": "Not Found"}'))).code).toBe('no-server-part');
        const told = await problemOf(
            answer('{"type": "urn:modama:not-found", "status": 404, "detail": "gone"}')
        );
        expect([told.code, told.message]).toEqual(['not-found', 'gone']);
    });

    test('events are cut where they end, and comments are no events', () => {
        const { events, rest } = parseEvents(
            ': hello\n\nid: 7\nevent: job\ndata: {"a":\ndata: 1}\n\nid: 8\ndata: half'
        );
        expect(events).toEqual([{ id: '7', data: '{"a":\n1}' }]);
        expect(rest).toBe('id: 8\ndata: half');
    });
});

describe('a folder’s listing', () => {
    const page = (start: number, limit: number) =>
        Array.from({ length: Math.min(limit, 1_000_000 - start) }, (_, i) => entry(`frame-${start + i}`));

    function million() {
        const { api } = together();
        api.answers['folder.list'] = ({ start, limit }) =>
            folderPage(page(Number(start), Number(limit)), { total: 1_000_000, start: Number(start) });
        return api;
    }

    test('of a million entries only the looked-at pages are asked for, with the cursor of the first answer', async () => {
        const api = million();
        const listing = new Listing(api, { path: 'x' });
        await settle();
        listing.want(999_990, 999_999);
        await settle();
        expect(listing.entry(999_999)?.name).toBe('frame-999999');
        expect(listing.entry(500_000)).toBeUndefined();
        expect(api.of('folder.list').map(({ start, cursor }) => [start, cursor])).toEqual([
            [0, ''],
            [999_800, 'c1']
        ]);
    });

    test('pages that are far away are forgotten, so memory stays small', async () => {
        const listing = new Listing(million(), { path: 'x' });
        await settle();
        for (let row = 0; row < 100_000; row += 200) {
            listing.want(row, row);
            await settle();
        }
        expect([...listing.loaded()].length).toBeLessThanOrEqual(40 * 200);
        expect(listing.entry(99_800)?.name).toBe('frame-99800');
    });

    test('an expired cursor loads the folder again', async () => {
        const api = million();
        const listing = new Listing(api, { path: 'x' });
        await settle();
        const whole = api.answers['folder.list'];
        let first = true;
        api.answers['folder.list'] = wanted => {
            if (wanted.cursor !== '' && first) {
                first = false;
                throw problem('cursor-expired', 409, 'too old');
            }
            return whole(wanted);
        };
        listing.want(400, 410);
        await settle();
        expect(api.of('folder.list').pop()).toMatchObject({ start: 0, cursor: '' });
        expect(listing.state.get().problem).toBeUndefined();
    });

    test('a folder that cannot be read says why', async () => {
        const { api } = together();
        api.answers['folder.list'] = () => {
            throw problem('not-allowed', 403, 'you are no member');
        };
        const listing = new Listing(api, { path: 'x' });
        await settle();
        expect(listing.state.get()).toMatchObject({
            loading: false,
            problem: { message: 'you are no member' }
        });
    });
});

describe('long operations', () => {
    beforeEach(() => void jest.useFakeTimers());
    afterEach(() => void jest.useRealTimers());

    test('there is one message for a job, and it ends as the job does', async () => {
        const { api, host, modama } = together();
        const states = [job({ done: 5, total: 10, changed: '2' }), job({ state: 'done', changed: '3' })];
        api.answers['job.show'] = () => states.shift();
        modama.jobs.follow(job({ changed: '1' }));
        await jest.advanceTimersByTimeAsync(2500);
        expect(host.notes).toHaveLength(1);
        expect(host.notes[0].history.map(note => note.kind)).toEqual(['progress', 'progress', 'success']);
        expect(host.notes[0].history[1]).toMatchObject({
            progress: 0.5,
            text: 'Sealing “s”: hashing, 5 of 10 files'
        });
        expect(modama.revision.get()).toBe(0); // ended without a time of its end: nothing to draw anew
    });

    test('late news do not turn an ended job back', async () => {
        const { api, modama } = together();
        api.answers['job.show'] = () => job({ state: 'done', ended: 'now', changed: '3' });
        modama.jobs.follow(job({ changed: '1' }));
        await jest.advanceTimersByTimeAsync(1500);
        modama.jobs.follow(job({ changed: '2' }));
        expect(modama.jobs.of('adhoc/p', 's')?.state).toBe('done');
        expect(modama.revision.get()).toBe(1);
    });

    test('after a reload running jobs are shown again, ended ones are not', async () => {
        const { api, host, modama } = together();
        api.answers['job.list'] = ({ state }) => ({ items: state === 'running' ? [job()] : [] });
        await modama.jobs.resume();
        await jest.advanceTimersByTimeAsync(600);
        expect(host.notes.map(({ now }) => now?.kind)).toEqual(['progress']);
        modama.jobs.dispose();
    });

    test('cancel is asked of the server, and the message says what stands', async () => {
        const { api, host, modama } = together();
        const detail = 'cancelled: nothing has been changed';
        api.answers['job.cancel'] = () =>
            job({
                state: 'cancelled',
                changed: '2',
                problem: { type: 'urn:modama:cancelled', status: 409, detail }
            });
        modama.jobs.follow(job({ changed: '1' }));
        await jest.advanceTimersByTimeAsync(600);
        host.notes[0].now?.actions?.[0].do();
        await settle();
        expect(api.of('job.cancel')).toEqual([{ id: 'j1' }]);
        expect(host.notes[0].now).toMatchObject({ kind: 'warning', text: `Sealing “s”: ${detail}` });
    });

    test('what the panel shows is not told in a message too, but its end is', async () => {
        const { api, host, modama } = together();
        const now = { state: 'running', done: 1 };
        api.answers['job.show'] = () =>
            job({ ...(now as object), total: 10, changed: String(now.done).padStart(3, '0') });
        const shown = () => host.notes.map(note => note.now?.kind).filter(Boolean);
        modama.jobs.follow(job({ changed: '0' }));
        const leave = modama.jobs.inSight('j1');
        await jest.advanceTimersByTimeAsync(3000);
        expect(host.notes).toEqual([]);
        now.done = 5;
        await jest.advanceTimersByTimeAsync(1000);
        leave();
        await jest.advanceTimersByTimeAsync(600);
        expect(host.notes[0].history[0]).toMatchObject({ kind: 'progress', progress: 0.5 });
        modama.jobs.inSight('j1');
        expect(shown()).toEqual([]);
        Object.assign(now, { state: 'done', done: 10 });
        await jest.advanceTimersByTimeAsync(1500);
        expect(shown()).toEqual(['success']);
    });

    test.each([
        [1, [], 'success', 'Verifying “s”: 1 file matches its checksum.'],
        [7, [], 'success', 'Verifying “s”: 7 files match their checksums.'],
        [2, ['raw is bare'], 'warning', 'Verifying “s”: 2 files match their checksums. raw is bare']
    ])('a verification of %p tells what it found', (files, warnings, kind, text) => {
        const result = { files, warnings } as never;
        expect(phrase(job({ op: 'session.verify', state: 'done', result }), together().host.trans)).toEqual({
            kind,
            text
        });
    });

    test('a verification says where it is written down for nobody', () => {
        const result = { files: 7, warnings: [], remark: 'it is your own word' } as never;
        expect(phrase(job({ op: 'session.verify', state: 'done', result }), together().host.trans)).toEqual({
            kind: 'success',
            text: 'Verifying “s”: 7 files match their checksums. (it is your own word)'
        });
    });

    test.each([
        [null, 'Sealing “s”: done.'],
        [
            { sentence: 'since the seal of then: 1 new file' },
            'Sealing “s”: done; since the seal of then: 1 new file.'
        ]
    ])('a seal tells what changed since the one before: %j', (since, text) => {
        const result = { seal: { since } } as never;
        expect(phrase(job({ op: 'session.seal', state: 'done', result }), together().host.trans)).toEqual({
            kind: 'success',
            text
        });
    });

    test.each([
        ['project.check', [{ mendable: true, left: 0 }], 'warning'],
        ['project.check', [{ mendable: false, left: 0 }], 'success'],
        ['project.check', [], 'success'],
        ['project.repair', [{ mendable: true, left: 0 }], 'success'],
        ['project.repair', [{ mendable: true, left: 2 }], 'warning']
    ])('%s that found %j is no success while something is wrong: %s', (op, found, kind) => {
        const result = { sentence: 'It is so.', found } as never;
        expect(phrase(job({ op, state: 'done', result }), together().host.trans).kind).toBe(kind);
    });

    test('one is not counted as many', () => {
        const { trans } = together().host;
        expect(amountOfData(5, 1, trans)).toBe('5 B in 1 file');
        expect(amountOfData(5, 0, trans)).toBe('5 B in 0 files');
        expect(phrase(job({ done: 0, total: 1 }), trans).text).toBe('Sealing “s”: hashing, 0 of 1 file');
    });

    test('a failed job tells the reason that the server gave', () => {
        const failed = job({
            state: 'failed',
            problem: { type: 'x', status: 409, detail: '2 files are missing' }
        });
        expect(phrase(failed, together().host.trans)).toEqual({
            kind: 'error',
            text: 'Sealing “s”: 2 files are missing'
        });
    });
});

describe('the server’s half', () => {
    test.each([
        [{ version: VERSION }, 'ready'],
        [{ version: VERSION.replace(/\d+$/, '99') }, 'ready'],
        [{ version: '99.0.0' }, 'other-version']
    ])('version %p is %s', async (facts, kind) => {
        const { api, modama } = together();
        api.answers.status = () => status(facts);
        await modama.server.check();
        expect(modama.server.state.get().kind).toBe(kind);
    });

    test('a missing one is told from one that does not answer', async () => {
        const { api, modama } = together();
        api.answers.status = () => {
            throw problem('no-server-part', 404, '404');
        };
        await modama.server.check();
        expect(modama.server.state.get().kind).toBe('missing');
        api.answers.status = () => {
            throw problem('unreachable', 0, 'refused');
        };
        await modama.server.check();
        expect(modama.server.state.get().kind).toBe('down');
    });
});

describe('where one is', () => {
    test('is kept, and found again', async () => {
        const { host, modama } = together();
        modama.places.go({ view: 'session', project: 'adhoc/p', session: 's' });
        await settle();
        const again = together().modama;
        Object.assign(again.places, { store: host.store });
        await again.places.restore();
        expect(again.places.current.get()).toEqual({ view: 'session', project: 'adhoc/p', session: 's' });
    });

    test.each([
        [null],
        ['projects'],
        [{ view: 'project' }],
        [{ view: 'nowhere' }],
        [{ view: 'folder', path: 3 }]
    ])('what was kept may be nonsense: %j', async kept => {
        const { host, modama } = together();
        host.kept.set('place', kept);
        await modama.places.restore();
        expect(modama.places.current.get()).toEqual({ view: 'projects' });
    });

    test('one level up', () => {
        expect(above({ view: 'session', project: 'a/p', session: 's' })).toEqual({
            view: 'project',
            project: 'a/p'
        });
        expect(above({ view: 'folder', path: 'a/p/x' })).toEqual({
            view: 'folder',
            path: 'a/p',
            select: 'x'
        });
        expect(above({ view: 'folder', path: 'a' })).toEqual({ view: 'projects' });
        // Of a name that is no text, and of one below it.
        expect(above({ view: 'folder', path: 'a/\\xff', path_b64: btoa('a/\xff') })).toEqual({
            view: 'folder',
            path: 'a',
            select: '\\xff'
        });
        expect(above({ view: 'folder', path: 'a/\\xff/b', path_b64: 'YS__L2I=' })).toEqual({
            view: 'folder',
            path: 'a/\\xff',
            path_b64: 'YS__',
            select: 'b'
        });
    });
});

describe('opening a file', () => {
    const python = (value: string, facts: object = {}) => ({
        path: '',
        advice: '',
        items: [
            { tool: 'Path', value: 'x' },
            { tool: 'Python', value, kernel: '', note: '', ...facts }
        ]
    });

    test('a notebook is made in the session’s folder for results, with the server’s own line', async () => {
        const { api, host, modama } = together();
        const made: unknown[] = [];
        Object.assign(host, { openNotebook: (wanted: unknown) => Promise.resolve(made.push(wanted)) });
        const line = "modama.load('adhoc/p/s/raw/it\\'s \"Größe\" a\\\\b.dm4')";
        api.answers['entry.links'] = () => python(`import jupyter_modama as modama\n${line}`);
        api.answers['entry.show'] = () => ({ project: 'adhoc/p', session: 's' });
        api.answers['session.show'] = () => session('s');
        await openInNotebook(modama, entry('it\'s "Größe" a\\b.dm4'));
        expect(made).toEqual([
            {
                folder: 'adhoc/p/s/analysis',
                cells: [`import jupyter_modama as modama\ndata = ${line}`, 'data']
            }
        ]);
    });

    test('a notebook about a name that is no text asks by its bytes', async () => {
        const { api, host, modama } = together();
        const made: unknown[] = [];
        Object.assign(host, { openNotebook: (wanted: unknown) => Promise.resolve(made.push(wanted)) });
        api.answers['entry.links'] = () => python("modama.load('adhoc/p/s/raw/gr\\udcfc.mib')");
        api.answers['entry.show'] = () => ({ project: 'adhoc/p', session: 's' });
        api.answers['session.show'] = () => session('s');
        const path_b64 = btoa('adhoc/p/s/raw/gr\xfc.mib');
        await openInNotebook(modama, entry('gr\\xfc.mib', { path_b64 }));
        expect(api.of('entry.links')).toEqual([{ path: 'adhoc/p/s/raw/gr\\xfc.mib', path_b64 }]);
        expect(api.of('entry.show')).toEqual([{ path: 'adhoc/p/s/raw/gr\\xfc.mib', path_b64 }]);
        expect(api.of('session.show')).toEqual([{ project: 'adhoc/p', session: 's', path_b64: undefined }]);
        expect(made).toEqual([
            {
                folder: 'adhoc/p/s/analysis',
                cells: ["data = modama.load('adhoc/p/s/raw/gr\\udcfc.mib')", 'data']
            }
        ]);
    });

    test('a format that one kernel reads is opened with that kernel', async () => {
        const { api, host, modama } = together();
        const made: unknown[] = [];
        Object.assign(host, { openNotebook: (wanted: unknown) => Promise.resolve(made.push(wanted)) });
        api.answers['entry.links'] = () => python('load(1)', { kernel: 'modama-libertem', note: 'how' });
        api.answers['entry.show'] = () => ({ project: '', session: '' });
        await openInNotebook(modama, entry('scan.raw'));
        expect(made).toMatchObject([{ kernel: { name: 'modama-libertem', otherwise: 'how' } }]);
    });

    test('a session whose own name is no text is asked for by its bytes', async () => {
        const { api, host, modama } = together();
        const made: unknown[] = [];
        Object.assign(host, { openNotebook: (wanted: unknown) => Promise.resolve(made.push(wanted)) });
        api.answers['entry.links'] = () => python('modama.load(1)');
        api.answers['entry.show'] = () => ({ project: 'adhoc/p', session: 's\\xff' });
        api.answers['session.show'] = () => session('s\\xff', { path_b64: btoa('adhoc/p/s\xff') });
        await openInNotebook(modama, {
            path: 'adhoc/p/s\\xff/raw/a.mib',
            path_b64: btoa('adhoc/p/s\xff/raw/a.mib')
        });
        expect(api.of('session.show')[0]).toMatchObject({ path_b64: 'YWRob2MvcC9z_w==' });
        // Jupyter's contents cannot name that folder.
        expect(made).toMatchObject([{ folder: undefined }]);
    });

    test('a part of a path keeps its bytes only where its text does not say them', () => {
        const located = { path: 'ä/b\\xff/c', path_b64: 'w6QvYv8vYw==' };
        expect(partOf(located, 1)).toEqual({ path: 'ä' });
        expect(partOf(located, 2)).toEqual({ path: 'ä/b\\xff', path_b64: 'w6QvYv8=' });
        expect(folderOf({ path: 'a/b/c' })).toEqual({ path: 'a/b' });
    });

    test('a file that does not say its shape is asked about', async () => {
        const { api, host, modama } = together();
        api.answers['libertem.open'] = () => {
            throw problem('parameters-needed', 422, 'please fill in', { form: [] });
        };
        await openInLibertem(modama, entry('scan.raw'));
        expect(modama.ask.get()).toMatchObject({ kind: 'libertem', entry: { name: 'scan.raw' } });
        expect(host.opened).toEqual([]);
    });

    test('a failure is a sentence', async () => {
        const { api, host, modama } = together();
        api.answers['libertem.open'] = () => {
            throw problem('unsupported', 415, 'this MRC file is larger than 2 GiB');
        };
        await openInLibertem(modama, entry('a.mrc'));
        expect(host.notes.map(({ now }) => now?.text).filter(Boolean)).toEqual([
            'this MRC file is larger than 2 GiB'
        ]);
    });
});

test('sizes, times and countdowns as people read them', () => {
    expect([0, 999, 1000, 57_000_000, 5e11].map(bytes)).toEqual([
        '0 B',
        '999 B',
        '0.98 KiB',
        '54.4 MiB',
        '466 GiB'
    ]);
    expect([0, 48, 3900, 90_061].map(span)).toEqual(['0 s', '48 s', '1 h 5 min', '1 d 1 h']);
    const now = Date.parse('2024-01-01T00:00:00Z');
    expect(countdown('2024-01-01T00:14:59Z', now)).toBe('14:59');
    expect(countdown('2023-12-31T23:59:59Z', now)).toBe('');
});

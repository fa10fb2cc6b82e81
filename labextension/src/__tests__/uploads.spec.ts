import { Sha256 } from '../services/sha256';
import type { Upload } from '../services/upload';
import { problem, together } from './server';

const FOLDER = { path: 'adhoc/p/s/raw' };

/** A file as a browser gives it; jsdom's own cannot be read in pieces. */
function file(name: string, content: Uint8Array, lastModified = 1_500_000_000_123): File {
    const sliced = (start: number, end: number) => ({
        arrayBuffer: () => Promise.resolve(content.slice(start, end).buffer)
    });
    return { name, size: content.length, lastModified, slice: sliced } as unknown as File;
}

const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => (i * 7) % 251);
/** By GNU sha256sum, of so many of these bytes. */
const SUMS: Record<number, string> = {
    0: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    1: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    55: '8af594de0e003fdee5c8bb088216c824349b4137070f559574f4a4bddd27b714',
    56: 'db81bc2bfd43620591df192139062da77d4c376f1888ea3d2190bd07c8d901f9',
    63: 'bd535b38bf0d0d1a09d370b7e34b2696cea3767801a45d5611a4aaa6954e8527',
    64: '292be91abe8c0909fe3d26575af5755eee74d23816dc68c3ba41765136967654',
    65: 'ba65aedf7884642499a59ae124894611d986cf429e69f569488048af3a99e25a',
    119: 'd367ab298e74477421127b0b448667c37c006c636f5738f081c39388756e5fad',
    120: 'be7beb9c82089eb08da8fe6eb30c13b9d56869014e228a8c3eb0fdfe832efab2',
    1000: '59425e4412e296fc74736673ce067027f384203f59c0d2c3e6be7b13347b3ffc',
    9437189: 'b15dba3e0d528c6b1d1646e6778e6ed5d7e538f053617984baa24e80894a522c',
    6291456: '23e69e81b7074c8c8962c1daa2951667c4211725c45503d475b4988890c6ec67'
};
const sum = ({ length }: Uint8Array): string => SUMS[length];

/** A server that takes files, and what it was given. */
function receiving() {
    const all = together();
    const here = { offset: 0, pieces: [] as number[], sha256: '' };
    Object.assign(all.api.answers, {
        'upload.begin': () => ({ offset: here.offset }),
        upload: ({ offset, piece }: Record<string, number>) => {
            here.pieces.push(offset);
            here.offset = offset + piece;
            return { offset: here.offset };
        },
        'upload.finish': ({ sha256, size_bytes }: Record<string, unknown>) => {
            here.sha256 = String(sha256);
            return { checked: size_bytes, done: true };
        },
        'upload.cancel': () => ({ offset: 0 })
    });
    return { ...all, here, uploads: all.modama.uploads };
}

const until = async (uploads: { items: { get(): readonly Upload[] } }, state: string): Promise<Upload> => {
    for (let turn = 0; turn < 10_000; turn++) {
        const found = uploads.items.get().find(item => item.state === state);
        if (found) {
            return found;
        }
        await new Promise(resolve => setTimeout(resolve, 2));
    }
    throw new Error(`nothing is ${state}: ${JSON.stringify(uploads.items.get())}`);
};

test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1000])(
    'the checksum of %d bytes is right, in whatever pieces they come',
    count => {
        const content = bytes(count);
        for (const size of [1, 7, 64, 5000]) {
            const hash = new Sha256();
            for (let at = 0; at < count; at += size) {
                hash.update(content.subarray(at, at + size));
            }
            expect(hash.hex()).toBe(sum(content));
        }
    }
);

test('a file goes in pieces of some megabytes, and its checksum with its end', async () => {
    const { uploads, here, api } = receiving();
    const content = bytes((9 << 20) + 5);
    uploads.add(FOLDER, [{ name: 'a.dm4', file: file('a.dm4', content) }]);
    await until(uploads, 'done');
    expect(here.pieces).toEqual([0, 4 << 20, 8 << 20]);
    expect(here.sha256).toBe(sum(content));
    expect(api.of('upload.begin')).toEqual([
        { path: FOLDER.path, name: 'a.dm4', size_bytes: content.length, modified_ms: 1_500_000_000_123 }
    ]);
});

test('what is there already is not sent again, though it counts for the checksum', async () => {
    const { uploads, here } = receiving();
    const content = bytes(6 << 20);
    here.offset = (4 << 20) + 100;
    uploads.add(FOLDER, [{ name: 'a.dm4', file: file('a.dm4', content) }]);
    await until(uploads, 'done');
    expect(here.pieces).toEqual([(4 << 20) + 100]);
    expect(here.sha256).toBe(sum(content));
});

test('a line that breaks holds the file up, and it goes on from where the server is', async () => {
    const { uploads, here, api } = receiving();
    const take = api.answers.upload;
    let broken = true;
    api.answers.upload = wanted => {
        if (broken) {
            broken = false;
            here.offset = 10; // some of it had arrived
            throw problem('unreachable', 0, 'the network is down');
        }
        return take(wanted);
    };
    uploads.add(FOLDER, [{ name: 'a.dm4', file: file('a.dm4', bytes(100)) }]);
    await until(uploads, 'held-up');
    await until(uploads, 'done');
    expect(here.pieces).toEqual([10]);
});

test('what the server refuses is kept with its reason, and the next file goes on', async () => {
    const { uploads, api } = receiving();
    const begin = api.answers['upload.begin'];
    api.answers['upload.begin'] = wanted => {
        if (wanted.name === 'taken.dm4') {
            throw problem('already-exists', 409, 'there is already something called taken.dm4');
        }
        return begin(wanted);
    };
    const files = ['taken.dm4', 'free.dm4'].map(name => ({ name, file: file(name, bytes(10)) }));
    uploads.add(FOLDER, files);
    await until(uploads, 'done');
    const failed = await until(uploads, 'failed');
    expect(failed.problem?.message).toContain('there is already');
    expect(uploads.items.get().map(({ name, state }) => `${name} ${state}`)).toEqual([
        'taken.dm4 failed',
        'free.dm4 done'
    ]);
});

test('after a reload the same file is asked for again, and nothing else is taken for it', async () => {
    const first = receiving();
    first.api.answers.upload = () => new Promise(() => undefined);
    first.uploads.add(FOLDER, [{ name: 'tree/a\u0308.dm4', file: file('a\u0308.dm4', bytes(10)) }]);
    await until(first.uploads, 'sending');

    const { uploads, host, api } = receiving();
    host.kept.set('uploads', first.host.kept.get('uploads'));
    await uploads.restore();
    expect(uploads.items.get()).toMatchObject([{ state: 'lost', name: 'tree/ä.dm4', folder: FOLDER }]);
    const other = { name: 'ä.dm4', file: file('ä.dm4', bytes(11)) };
    expect(uploads.addLost([other])).toEqual([other]);
    expect(uploads.addLost([{ name: 'ä.dm4', file: file('ä.dm4', bytes(10)) }])).toEqual([]);
    await until(uploads, 'done');
    expect(api.of('upload.begin')[0]).toMatchObject({ path: FOLDER.path, name: 'tree/ä.dm4' });
    expect(host.kept.get('uploads')).toEqual([]);
});

test('who cancels leaves nothing there', async () => {
    const { uploads, api } = receiving();
    api.uploadPiece = (_, __, signal) =>
        new Promise((_resolve, reject) =>
            signal?.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')))
        );
    const files = ['a', 'b'].map(name => ({ name, file: file(name, bytes(10)) }));
    uploads.add(FOLDER, files);
    await until(uploads, 'sending');
    await uploads.cancel(uploads.items.get().map(({ id }) => id));
    expect(uploads.items.get()).toEqual([]);
    expect(api.of('upload.cancel')).toMatchObject([{ name: 'a' }]);
});

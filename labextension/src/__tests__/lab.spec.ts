import { kernelFor } from '../lab/notebooks';
import { together } from './server';

const spec = (name: string) => ({
    name,
    display_name: name.toUpperCase(),
    language: 'python',
    argv: [],
    resources: {}
});

/** The kernels of a server: those that are known, and those that one finds by asking again. */
function kernels(before: string[], after = before) {
    const specsOf = (names: string[]) => ({
        default: 'python3',
        kernelspecs: Object.fromEntries(names.map(name => [name, spec(name)]))
    });
    const known = {
        specs: specsOf(before),
        refreshSpecs: () => {
            known.specs = specsOf(after);
            return Promise.resolve();
        }
    };
    return known;
}

describe('the kernel of a new notebook', () => {
    const wanted = { kernel: { name: 'modama-libertem', otherwise: 'install it' } };

    test('is the one that the file needs', async () => {
        const { host } = together();
        const found = await kernelFor(kernels(['python3', 'modama-libertem']), { host }, wanted);
        expect(found).toMatchObject({ name: 'modama-libertem', display_name: 'MODAMA-LIBERTEM' });
        expect(host.notes).toEqual([]);
    });

    test('is found when it was made a moment ago', async () => {
        const { host } = together();
        const found = await kernelFor(kernels(['python3'], ['python3', 'modama-libertem']), { host }, wanted);
        expect(found?.name).toBe('modama-libertem');
        expect(host.notes).toEqual([]);
    });

    test('is the default where the needed one is missing, and it is said how to get that', async () => {
        const { host } = together();
        const found = await kernelFor(kernels(['python3']), { host }, wanted);
        expect(found?.name).toBe('python3');
        expect(host.notes.map(({ now }) => now?.text)).toEqual([
            'This notebook cannot load the file yet: install it.'
        ]);
    });

    test('is the default for a file that every kernel can load', async () => {
        const { host } = together();
        expect((await kernelFor(kernels(['python3', 'modama-libertem']), { host }, {}))?.name).toBe(
            'python3'
        );
        expect(host.notes).toEqual([]);
    });
});

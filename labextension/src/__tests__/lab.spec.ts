import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { kernelFor } from '../lab/notebooks';
import { commands } from '../plugins/commands';
import { job, session, status, together } from './server';
import * as menus from '../../schema/commands.json';

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

describe('the file browser’s menu', () => {
    type Options = CommandRegistry.ICommandOptions;

    /** The commands in a Lab whose file browser shows a folder, with one item selected. */
    async function inBrowser(
        folder: string,
        selected: string,
        facts: { project: string; session: string },
        type = selected.includes('.') ? 'file' : 'directory'
    ) {
        const all = together();
        const known: Record<string, Options> = {};
        const app = {
            commands: {
                addCommand: (id: string, options: Options) => (known[id] = options),
                notifyCommandChanged: () => undefined
            },
            shell: { activateById: () => undefined }
        } as unknown as JupyterFrontEnd;
        const browser = {
            model: { path: folder, pathChanged: new Signal<object, void>({}) },
            selectedItems: () => [{ path: selected, type }][Symbol.iterator]()
        };
        const tracker = {
            currentWidget: browser,
            forEach: (act: (widget: typeof browser) => void) => act(browser),
            widgetAdded: new Signal<object, typeof browser>({}),
            currentChanged: new Signal<object, typeof browser>({})
        };
        Object.assign(all.api.answers, {
            status: () => status({ contents_root: 'data' }),
            'entry.show': () => facts,
            'session.list': () => ({
                items: [
                    session('open', { actions: ['seal', 'update'] }),
                    session('done', { state: 'sealed', actions: ['verify', 'update'] })
                ],
                total: 2,
                cursor: '',
                proposed_name: ''
            }),
            'session.verify': () => ({ job: job({ op: 'session.verify' }) })
        });
        void commands.activate(app, all.modama, null, null, { tracker } as unknown as IFileBrowserFactory);
        await all.modama.start();
        for (let turn = 0; turn < 20; turn++) {
            await Promise.resolve();
        }
        const args = { browser: true };
        const call = (ask: unknown) => (ask as (given: object) => unknown)(args);
        return {
            ...all,
            browser,
            visible: () => Object.keys(known).filter(id => call(known[id].isVisible ?? (() => true))),
            execute: (id: string) => call(known[id].execute)
        };
    }

    const inProject = { project: 'adhoc/p', session: '' };

    test('has an item for each of its commands, and each of these is one', async () => {
        const wanted = menus['jupyter.lab.menus'].context
            .filter(item => item.args?.browser)
            .map(item => item.command);
        expect(wanted).toEqual(
            expect.arrayContaining(['modama:copy-path', 'modama:seal-session', 'modama:verify-session'])
        );
        const facts = { project: 'adhoc/p', session: 'open' };
        const { visible } = await inBrowser('data/adhoc/p/open', 'data/adhoc/p/open/a.dm4', facts);
        expect(visible()).toEqual(expect.arrayContaining(wanted.filter(id => !id?.includes('verify'))));
    });

    test.each([
        ['data/adhoc/p/open', 'data/adhoc/p/open/a.dm4', ['libertem', 'notebook']],
        ['data/adhoc/p/open', 'data/adhoc/p/open/raw', ['libertem']],
        ['data/adhoc/p', 'data/adhoc/p/open', []],
        ['data/adhoc', 'data/adhoc/p', []]
    ])('in %p offers for %p to open it in %p', async (folder, selected, tools) => {
        const { visible } = await inBrowser(folder, selected, inProject);
        expect(visible().filter(id => id.includes('open-in'))).toEqual(tools.map(n => `modama:open-in-${n}`));
    });

    test('offers what the selected session allows', async () => {
        const open = await inBrowser('data/adhoc/p', 'data/adhoc/p/open', inProject);
        expect(open.visible()).toContain('modama:seal-session');
        expect(open.visible()).not.toContain('modama:verify-session');
        const done = await inBrowser('data/adhoc/p', 'data/adhoc/p/done', inProject);
        expect(done.visible()).toContain('modama:verify-session');
        expect(done.visible()).not.toContain('modama:seal-session');
    });

    test('seals the session that a file lies in', async () => {
        const facts = { project: 'adhoc/p', session: 'open' };
        const { api, modama, execute } = await inBrowser(
            'data/adhoc/p/open/raw',
            'data/adhoc/p/open/raw/a.dm4',
            facts
        );
        await execute('modama:seal-session');
        expect(modama.ask.get()).toMatchObject({ kind: 'seal', session: { name: 'open' } });
        expect(api.of('session.list').pop()).toMatchObject({ project: 'adhoc/p', search: 'open' });
    });

    test('verifies the selected session', async () => {
        const { api, modama, execute } = await inBrowser('data/adhoc/p', 'data/adhoc/p/done', inProject);
        await execute('modama:verify-session');
        expect(api.of('session.verify')).toMatchObject([{ project: 'adhoc/p', session: 'done' }]);
        modama.dispose();
    });

    test('copies the path below the data’s root', async () => {
        const { host, execute } = await inBrowser('data/adhoc/p', 'data/adhoc/p/ä b.dm4', inProject);
        await execute('modama:copy-path');
        expect(host.copied).toEqual(['adhoc/p/ä b.dm4']);
    });

    test('has nothing of ours for files that are no data', async () => {
        const { api, visible } = await inBrowser('work', 'work/notes.txt', inProject);
        expect(visible().filter(id => /entry|open-in|copy|links|seal|verify|in-panel/.test(id))).toEqual([]);
        expect(api.of('entry.show')).toEqual([]);
    });

    test('has nothing about sessions where there is none', async () => {
        const { visible } = await inBrowser('data/adhoc', 'data/adhoc/p', { project: '', session: '' });
        expect(visible()).toContain('modama:copy-path');
        expect(visible().filter(id => /seal|verify/.test(id))).toEqual([]);
    });
});

import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import type { Entry, FolderPage } from '../api/types';
import { App } from '../ui/App';
import { parsed, shown } from '../ui/LibertemDialog';
import { grouped } from '../ui/MetadataView';
import { LARGEST_PX } from '../ui/scroll';
import { inFolder, inSession, panelAt } from './panel';
import { entry, folderPage, job, problem, project, session, status, survey, together } from './server';

afterEach(cleanup);

describe('when the server’s half is not ready', () => {
    test('a missing one is named with the command that installs it, and Retry goes on', async () => {
        const { api, modama } = together();
        let there = false;
        api.answers.status = () => {
            if (!there) {
                throw problem('no-server-part', 404, '404');
            }
            return status();
        };
        render(<App modama={modama} />);
        expect(await screen.findByText(/pip install --upgrade jupyter-modama/)).toBeTruthy();
        there = true;
        fireEvent.click(screen.getByRole('button', { name: 'Retry' }));
        expect(await screen.findByText(/There are no projects yet/)).toBeTruthy();
    });

    test('another version is told with both numbers', async () => {
        const { api, modama } = together();
        api.answers.status = () => status({ version: '7.0.0' });
        render(<App modama={modama} />);
        expect(await screen.findByText(/is version 7\.0\.0, but this panel is version/)).toBeTruthy();
    });

    test('another build of the same version is told, and the panel works on', async () => {
        const { api, modama } = together();
        api.answers.status = () => status({ contract: '0123456789ab' });
        render(<App modama={modama} />);
        expect(await screen.findByText(/There are no projects yet/)).toBeTruthy();
        expect(screen.getByRole('note').textContent).toMatch(/Reload this page.*restart the server/);
        api.answers.status = () => status();
        fireEvent.click(screen.getByRole('button', { name: 'Look again' }));
        await waitFor(() => expect(screen.queryByRole('note')).toBeNull());
        expect(await screen.findByText(/There are no projects yet/)).toBeTruthy();
    });

    test('without a data tree one can be made', async () => {
        const { api, modama } = together();
        let made = false;
        api.answers.status = () => status({ mode: made ? 'embedded' : 'no-tree' });
        api.answers['root.make'] = () => {
            made = true;
            return status();
        };
        render(<App modama={modama} />);
        fireEvent.click(await screen.findByRole('button', { name: 'Make /home/me/modama-data' }));
        expect(await screen.findByText(/There are no projects yet/)).toBeTruthy();
    });
});

describe('projects', () => {
    test('are listed with what one wants to know, and lead to their page', async () => {
        const { modama } = await panelAt(
            { view: 'projects' },
            {
                'project.list': () => ({
                    items: [project('skyrmions', { size_bytes: 46_063_733_965 })],
                    total: 1
                }),
                'project.show': () => project('skyrmions'),
                'session.list': () => ({ items: [session('2024-11-06-first')], total: 1, proposed_name: '' })
            }
        );
        const card = await screen.findByRole('button', { name: /skyrmions/ });
        expect(card.textContent).toMatch(/2 sessions · 1 not sealed · 42\.9 GiB/);
        fireEvent.click(card);
        expect(modama.places.current.get()).toMatchObject({ view: 'project', project: 'adhoc/skyrmions' });
        expect(await screen.findByText('Mia Lund')).toBeTruthy();
        expect((await screen.findByRole('button', { name: /2024-11-06-first/ })).textContent).toContain(
            'writable'
        );
    });

    test('the server searches, once the typing pauses', async () => {
        const { api } = await panelAt({ view: 'projects' });
        const field = await screen.findByRole('searchbox', { name: 'Search projects' });
        for (const value of ['s', 'sk', 'sky']) {
            fireEvent.change(field, { target: { value } });
        }
        await waitFor(() => expect(api.of('project.list').pop()).toMatchObject({ search: 'sky' }));
        expect(api.of('project.list').map(({ search }) => search)).toEqual(['', 'sky']);
        expect(await screen.findByText('No project matches this search.')).toBeTruthy();
    });

    test('a refused name is explained beside its field, and the dialog stays', async () => {
        await panelAt(
            { view: 'projects' },
            {
                'project.create': () => {
                    throw problem('name-refused', 422, 'the name “CON” cannot be used: Windows keeps it');
                }
            }
        );
        fireEvent.click(await screen.findByRole('button', { name: 'New project…' }));
        const dialog = await screen.findByRole('dialog');
        const name = within(dialog).getByRole('textbox', { name: /Name/ });
        fireEvent.change(name, { target: { value: 'CON' } });
        fireEvent.click(within(dialog).getByRole('button', { name: 'Create project' }));
        expect((await within(dialog).findByRole('alert')).textContent).toContain('Windows keeps it');
        expect(name.getAttribute('aria-invalid')).toBe('true');
    });

    test('a new session starts from the name that the server proposes; nothing is typed before it is there', async () => {
        const proposed = { items: [], total: 0, proposed_name: '2024-11-12-' };
        let answer = (): void => undefined;
        const { api, modama } = await panelAt(
            { view: 'project', project: 'adhoc/p' },
            {
                'project.show': () => project('p'),
                'session.list': ({ limit }) =>
                    limit === 1
                        ? new Promise(resolve => (answer = () => resolve(proposed)))
                        : { ...proposed, proposed_name: '' },
                'session.create': ({ name }) => session(String(name)),
                'session.show': ({ session: name }) => session(String(name))
            }
        );
        fireEvent.click(await screen.findByRole('button', { name: 'New session…' }));
        const name = await screen.findByRole<HTMLInputElement>('textbox', { name: /Name/ });
        expect(name.readOnly).toBe(true);
        answer();
        await waitFor(() => expect(name.value).toBe('2024-11-12-'));
        expect(name.readOnly).toBe(false);
        fireEvent.change(name, { target: { value: '2024-11-12-biasing' } });
        fireEvent.click(screen.getByRole('button', { name: 'Create session' }));
        await waitFor(() =>
            expect(modama.places.current.get()).toMatchObject({
                view: 'session',
                session: '2024-11-12-biasing'
            })
        );
        expect(api.of('session.create')).toEqual([
            { project: 'adhoc/p', name: '2024-11-12-biasing', title: '', instrument: '', sample: '' }
        ]);
    });
});

describe('a session', () => {
    test('offers what the server allows, and nothing else', async () => {
        await panelAt(inSession, {
            'session.show': () => session('s', { state: 'sealed', actions: ['verify'] })
        });
        expect(await screen.findByRole('button', { name: 'Verify' })).toBeTruthy();
        for (const name of ['Seal…', 'Unseal…', /Undo/]) {
            expect(screen.queryByRole('button', { name })).toBeNull();
        }
    });

    test('undo shows how long it is possible, and goes when it is over', async () => {
        jest.useFakeTimers({ now: Date.parse('2024-01-01T00:00:00Z') });
        try {
            const seal = {
                by: { uid: 1, login: 'mia', display: '', kind: 'internal' as const },
                at: '2024-01-01T00:00:00Z',
                files: 1,
                bytes: 1,
                note: '',
                undo_until: '2024-01-01T00:00:05Z',
                writers: 'none',
                manifest_sha256: '',
                since: null
            };
            await panelAt(inSession, {
                'session.show': () => session('s', { state: 'sealed', seal, actions: ['undo_seal'] })
            });
            expect(await screen.findByRole('button', { name: /Undo seal \(0:0\d\)/ })).toBeTruthy();
            await act(() => jest.advanceTimersByTimeAsync(6000));
            expect(screen.queryByRole('button', { name: /Undo seal/ })).toBeNull();
        } finally {
            jest.useRealTimers();
        }
    });

    test('a verification that failed names the files', async () => {
        const found = {
            type: 'urn:modama:manifest-mismatch',
            status: 409,
            detail: 'NOT as it was sealed',
            changed: ['raw/a.dm4']
        };
        const { modama } = await panelAt(inSession, {
            'session.show': () => session('s', { state: 'sealed' }),
            'job.show': () => job({ op: 'session.verify', state: 'failed', problem: found })
        });
        await screen.findByRole('heading', { name: 's' });
        act(() => modama.jobs.follow(job({ op: 'session.verify' })));
        expect(await screen.findByText('raw/a.dm4', {}, { timeout: 3000 })).toBeTruthy();
        expect(screen.getByText('changed')).toBeTruthy();
        modama.dispose();
    });
});

describe('the seal dialog', () => {
    async function dialogFor(facts: Parameters<typeof survey>[0]) {
        const all = await panelAt(inSession, {
            'session.show': () => session('s'),
            'session.survey': () => survey(facts),
            'session.seal': () => ({ job: job() })
        });
        fireEvent.click(await screen.findByRole('button', { name: 'Seal…' }));
        const dialog = await screen.findByRole('dialog');
        return {
            ...all,
            dialog,
            button: await within(dialog).findByRole('button', { name: /^Seal [\d,.]+ file/ })
        };
    }

    test('says what becomes impossible, how much it is, and who can undo it', async () => {
        const { api, dialog, button, modama } = await dialogFor({});
        expect(dialog.textContent).toMatch(/no file in “raw” can be changed/);
        expect(dialog.textContent).toMatch(/240 files, 54\.4 MiB, in 3 folders/);
        expect(dialog.textContent).toMatch(/you, within 15 minutes/);
        fireEvent.click(button);
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('session.seal')).toEqual([
            { project: 'adhoc/p', session: 's', path_b64: '', note: '', writers: 'refuse' }
        ]);
        modama.dispose();
    });

    test('one file in one folder is not told as many', async () => {
        const { dialog } = await dialogFor({ files: 1, folders: 1 });
        expect(dialog.textContent).toContain('1 file, 54.4 MiB, in 1 folder');
        expect(dialog.textContent).not.toContain('1 folders');
    });

    test('with open writers one has to choose first', async () => {
        const writers = [{ path: 'raw/scan.mib', program: 'merlin', pid: 7, login: 'mia' }];
        const { api, dialog, button, modama } = await dialogFor({ writer_count: 1, writers });
        expect(dialog.textContent).toContain('raw/scan.mib (merlin)');
        expect(button).toHaveProperty('disabled', true);
        fireEvent.change(within(dialog).getByRole('combobox'), { target: { value: 'wait' } });
        fireEvent.click(button);
        await waitFor(() => expect(api.of('session.seal')[0]).toMatchObject({ writers: 'wait' }));
        modama.dispose();
    });

    test('left-overs are named before they are frozen', async () => {
        const { dialog } = await dialogFor({
            junk: ['raw/Thumbs.db'],
            junk_count: 1,
            junk_bytes: 5,
            protection: 'read-only'
        });
        expect(dialog.textContent).toContain('raw/Thumbs.db');
        expect(dialog.textContent).toContain('owner could give it back');
    });

    test('what stands against it is said, and nothing can be sealed', async () => {
        const { dialog, button } = await dialogFor({
            problem: 'the session has no files in raw yet',
            files: 0
        });
        expect(dialog.textContent).toContain('no files in raw yet');
        expect(button).toHaveProperty('disabled', true);
    });
});

describe('a folder', () => {
    const rows = () => screen.getAllByRole('row').map(row => row.getAttribute('data-name'));
    const selected = () =>
        screen.getAllByRole('row').find(row => row.getAttribute('aria-selected') === 'true');

    test('is walked with the keyboard', async () => {
        const { modama } = await panelAt(inFolder, { preview: () => ({ blob: new Blob(), facts: {} }) });
        const list = await screen.findByRole('treegrid');
        await waitFor(() => expect(rows()).toEqual(['alpha.dm4', 'beta.mib', 'sub']));
        const press = (key: string) => fireEvent.keyDown(list, { key });
        press('ArrowDown');
        expect(selected()?.dataset.name).toBe('beta.mib');
        expect(list.getAttribute('aria-activedescendant')).toBe(selected()?.id);
        press('End');
        expect(selected()?.dataset.name).toBe('sub');
        press('a');
        expect(selected()?.dataset.name).toBe('alpha.dm4');
        press('End');
        press('Enter');
        expect(modama.places.current.get()).toMatchObject({ view: 'folder', path: 'adhoc/p/s/raw/sub' });
        press('Escape');
    });

    test('Esc first leaves the file, then the folder', async () => {
        const { modama } = await panelAt(inFolder, { preview: () => ({ blob: new Blob(), facts: {} }) });
        const list = await screen.findByRole('treegrid');
        await waitFor(() => expect(rows()).toHaveLength(3));
        fireEvent.keyDown(list, { key: 'Home' });
        expect(await screen.findByRole('heading', { name: 'alpha.dm4' })).toBeTruthy();
        fireEvent.keyDown(list, { key: 'Escape' });
        expect(screen.queryByRole('heading', { name: 'alpha.dm4' })).toBeNull();
        fireEvent.keyDown(list, { key: 'Escape' });
        expect(modama.places.current.get()).toEqual({ view: 'session', project: 'adhoc/p', session: 's' });
    });

    test('of a million entries draws some, and the last one can be reached', async () => {
        const many = ({ start, limit }: Record<string, unknown>): FolderPage => {
            const count = Math.min(Number(limit), 1_000_000 - Number(start));
            const items = Array.from({ length: count }, (_, i): Entry => entry(`f${Number(start) + i}`));
            return folderPage(items, { total: 1_000_000, start: Number(start) });
        };
        const { container } = await panelAt(inFolder, { 'folder.list': many });
        const list = await screen.findByRole('treegrid');
        await waitFor(() => expect(screen.getAllByRole('row').length).toBeGreaterThan(5));
        expect(screen.getAllByRole('row').length).toBeLessThan(100);
        expect(list.getAttribute('aria-rowcount')).toBe('1000000');
        const content = container.querySelector<HTMLElement>('.mo-list-content');
        expect(parseInt(content?.style.height ?? '')).toBe(LARGEST_PX);
        fireEvent.keyDown(list, { key: 'End' });
        await waitFor(() => expect(selected()?.dataset.name).toBe('f999999'));
        expect(selected()?.getAttribute('aria-posinset')).toBe('1000000');
        const top = Number(/translateY\(([\d.]+)px\)/.exec(selected()?.style.transform ?? '')?.[1]);
        expect(top).toBeLessThanOrEqual(LARGEST_PX - 24 + 1);
    });

    test('new files do not move the rows until one asks for them', async () => {
        jest.useFakeTimers();
        try {
            const pages = [folderPage([entry('b')]), folderPage([entry('b')], { changed: true })];
            const { api } = await panelAt(inFolder, {
                'folder.list': () => pages.shift() ?? folderPage([entry('a'), entry('b')])
            });
            await waitFor(() => expect(rows()).toEqual(['b']));
            await act(() => jest.advanceTimersByTimeAsync(4500));
            expect(rows()).toEqual(['b']);
            fireEvent.click(screen.getByRole('button', { name: 'Show' }));
            await waitFor(() => expect(rows()).toEqual(['a', 'b']));
            expect(api.of('folder.list').map(({ cursor }) => cursor)).toEqual(['', 'c1', '']);
        } finally {
            jest.useRealTimers();
        }
    });

    test('explains why one cannot write', async () => {
        await panelAt(inFolder, {
            'folder.list': () => folderPage([], { writable: false, reason: 'sealed by Mia' }),
            'entry.explain': () => ({
                path: 'adhoc/p/s/raw',
                writable: false,
                sentence: 'sealed by Mia on 2024-11-06',
                reasons: [{ code: 'sealed', sentence: 'it is sealed', next_step: 'ask an administrator' }]
            })
        });
        expect(await screen.findByText('sealed by Mia')).toBeTruthy();
        fireEvent.click(screen.getByRole('button', { name: 'Why can’t I write here?' }));
        expect(await screen.findByText('sealed by Mia on 2024-11-06')).toBeTruthy();
        expect(screen.getByText(/ask an administrator/i)).toBeTruthy();
    });

    test('a file’s links can be copied', async () => {
        const { host } = await panelAt(inFolder, {
            preview: () => ({ blob: new Blob(), facts: {} }),
            'entry.links': () => ({
                path: 'x',
                advice: 'use rsync',
                items: [
                    {
                        tool: 'rsync',
                        label: 'rsync',
                        kind: 'command',
                        value: 'rsync a b',
                        icon: '',
                        group: 'transfer',
                        note: ''
                    }
                ]
            })
        });
        await waitFor(() => expect(rows()).toHaveLength(3));
        fireEvent.click(screen.getAllByRole('row')[0]);
        fireEvent.click(await screen.findByRole('button', { name: 'Links and commands' }));
        expect(await screen.findByText('use rsync')).toBeTruthy();
        fireEvent.click(await screen.findByRole('button', { name: 'Copy: rsync' }));
        await waitFor(() => expect(host.copied).toEqual(['rsync a b']));
    });
});

describe('a preview', () => {
    test('of a series has a slider for the frames, and asks for the chosen one', async () => {
        const { api } = await panelAt(inFolder, {
            preview: () => ({ blob: new Blob(), facts: { frames: 200, frame: 100 } })
        });
        await waitFor(() => expect(screen.getAllByRole('row')).toHaveLength(3));
        fireEvent.click(screen.getAllByRole('row')[0]);
        const slider = await screen.findByRole('slider', { name: /Frame \(101 of 200\)/ });
        fireEvent.change(slider, { target: { value: '7' } });
        await waitFor(() => expect(api.of('preview').pop()).toMatchObject({ frame: 7, contrast: 'auto' }));
        fireEvent.change(screen.getByRole('combobox', { name: 'Contrast' }), { target: { value: 'log' } });
        await waitFor(() => expect(api.of('preview').pop()).toMatchObject({ frame: 7, contrast: 'log' }));
    });

    test('of a file with several data sets shows the chosen one, and says where one cannot be shown', async () => {
        const { api } = await panelAt(inFolder, {
            preview: ({ signal }) => {
                if (signal === 2) {
                    throw problem('unsupported', 415, 'its data has 5 axes');
                }
                return { blob: new Blob(), facts: { signals: 3, frames: 9, frame: 4 } };
            }
        });
        await waitFor(() => expect(screen.getAllByRole('row')).toHaveLength(3));
        fireEvent.click(screen.getAllByRole('row')[0]);
        const choose = async (value: string) =>
            fireEvent.change(await screen.findByRole('combobox', { name: 'Data set' }), {
                target: { value }
            });
        fireEvent.change(await screen.findByRole('slider', { name: /Frame/ }), { target: { value: '7' } });
        await choose('2');
        expect(await screen.findByText('its data has 5 axes')).toBeTruthy();
        await choose('1');
        await waitFor(() => expect(api.of('preview').pop()).toMatchObject({ signal: 1 }));
        expect(api.of('preview').pop()).not.toHaveProperty('frame');
        expect(await screen.findByRole('slider', { name: /Frame \(5 of 9\)/ })).toBeTruthy();
    });

    test('of a file that has no picture says so', async () => {
        await panelAt(inFolder, {
            preview: () => {
                throw problem('unsupported', 415, 'a text file cannot be shown');
            }
        });
        await waitFor(() => expect(screen.getAllByRole('row')).toHaveLength(3));
        fireEvent.click(screen.getAllByRole('row')[0]);
        expect(await screen.findByText('a text file cannot be shown')).toBeTruthy();
    });
});

test('LiberTEM’s form asks for what the file does not say, and sends it in its own types', async () => {
    const form = [
        { name: 'dtype', label: 'Type', type: 'choice', default: 'uint16', choices: ['uint8', 'uint16'] },
        { name: 'nav_shape', label: 'Scan', type: 'shape', default: [16, 16] },
        { name: 'offset', label: 'Header', type: 'integer', default: 0 }
    ];
    const { api, host, modama } = await panelAt(
        { view: 'projects' },
        {
            'libertem.open': ({ parameters }) => {
                if (!parameters) {
                    throw problem('parameters-needed', 422, 'please fill in the shape', { form });
                }
                return { url: 'http://localhost/modama-libertem/#1', name: 'x', shape: [] };
            }
        }
    );
    act(() => modama.ask.set({ kind: 'libertem', entry: { path: 'adhoc/p/scan.raw' } }));
    const scan = await screen.findByRole<HTMLInputElement>('textbox', { name: 'Scan' });
    expect(scan.value).toBe('16 × 16');
    fireEvent.change(scan, { target: { value: '8 x 32' } });
    fireEvent.click(screen.getByRole('button', { name: 'Open' }));
    await waitFor(() => expect(host.opened).toEqual(['http://localhost/modama-libertem/#1']));
    expect(api.of('libertem.open').pop()).toMatchObject({
        parameters: { dtype: 'uint16', nav_shape: [8, 32], offset: 0 }
    });
});

test('what is typed into a form is read with care', () => {
    expect(parsed({ type: 'shape' }, ' 8 × 32 ')).toEqual([8, 32]);
    expect(parsed({ type: 'shape' }, 'eight')).toBe('eight');
    expect(parsed({ type: 'integer' }, '-3')).toBe(-3);
    expect([shown([1, 2]), shown(null), shown(0)]).toEqual(['1 × 2', '', '0']);
});

test('metadata is searched in names, values and sources', () => {
    const field = (name: string, value: string, source = '') => ({
        group: 'Optics',
        name,
        value,
        unit: '',
        source
    });
    const fields = [field('Voltage', '300'), field('Mode', 'STEM', 'ImageTags.Mode')];
    expect(grouped(fields, 'imagetags')).toEqual([['Optics', [fields[1]]]]);
    expect(grouped(fields, '')).toEqual([['Optics', fields]]);
    expect(grouped(fields, 'nothing')).toEqual([]);
});

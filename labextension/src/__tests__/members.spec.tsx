import { act, cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { trans as english } from '../page/words';
import { changesOf, consequences, rowsOf } from '../services/members';
import { mia, ben, eve, RULE, shared, done, showing, open, openMembers, press } from './members';
import { inSession, panelAt } from './panel';
import { job, problem, session } from './server';

afterEach(cleanup);

describe('the members of a project', () => {
    test('are shown with role, last day and what is special about their account', async () => {
        await showing(shared({ owners: [mia, eve] }));
        const people = within(await screen.findByRole('region', { name: 'Members' }));
        expect(people.getAllByRole('listitem').map(item => item.textContent)).toEqual([
            'Mia Lundowner',
            'Eve Rayexternal · owner',
            'Ben Odemember until 2099-01-31',
            '4711account is gone · reader'
        ]);
        expect(people.getByText(RULE)).toBeTruthy();
        expect(people.getByText(/^Private: nobody but its members/)).toBeTruthy();
    });

    test('are not all who come in where a group does', async () => {
        const told = 'Everybody in the group team can read the files here, too.';
        await showing(shared({ groups: [told] }));
        const people = within(await screen.findByRole('region', { name: 'Members' }));
        expect(people.getByText(told)).toBeTruthy();
        expect(people.getByText(/^Private: nobody but its members and these groups/)).toBeTruthy();
    });

    test('are managed by owners only', async () => {
        await showing(shared({ role: 'member' }));
        expect(await screen.findByRole('button', { name: 'Check rights…' })).toBeTruthy();
        expect(screen.getByRole('button', { name: 'New session…' })).toHaveProperty('disabled', false);
        for (const name of ['Manage members…', 'Who can read…', 'Transfer…']) {
            expect(screen.queryByRole('button', { name })).toBeNull();
        }
    });

    test('who only reads makes no sessions, and is told why', async () => {
        await showing(shared({ role: 'reader' }));
        const button = await screen.findByRole('button', { name: 'New session…' });
        expect(button).toHaveProperty('disabled', true);
        expect(button.title).toBe('You can read this project; its owners can make you a member.');
    });

    test('that a group brings are not managed here, and it is said where', async () => {
        const members_from = 'the members of “p” are those of the group prop7; please ask there';
        await showing(shared({ members_from }));
        expect(
            await screen.findByText('The members of “p” are those of the group prop7; please ask there.')
        ).toBeTruthy();
        expect(screen.queryByRole('button', { name: 'Manage members…' })).toBeNull();
    });

    test('are changed by one request with the version that was seen', async () => {
        const { api, modama } = await showing(shared());
        const dialog = await openMembers();
        fireEvent.change(dialog.getByRole('combobox', { name: 'Role of Ben Ode' }), {
            target: { value: 'reader' }
        });
        fireEvent.change(dialog.getByLabelText('Last day of Ben Ode'), { target: { value: '2098-02-28' } });
        press(dialog, 'Remove 4711');
        fireEvent.change(dialog.getByRole('combobox', { name: 'Add somebody' }), { target: { value: 'ev' } });
        fireEvent.click(await dialog.findByRole('option', { name: 'Eve Ray (eve), external' }));
        press(dialog, 'Save');
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('project.set_members')).toEqual([
            {
                project: 'adhoc/p',
                add: ['ben:reader:2098-02-28', 'eve:member'],
                remove: ['4711'],
                if_version: 'v1'
            }
        ]);
    });

    test('nothing changed is nothing to save, and a project keeps an owner', async () => {
        await showing(shared());
        const dialog = await openMembers();
        const save = dialog.getByRole<HTMLButtonElement>('button', { name: 'Save' });
        expect(save.disabled).toBe(true);
        press(dialog, 'Remove Mia Lund');
        expect(dialog.getByText('A project keeps at least one owner.')).toBeTruthy();
        expect(save.disabled).toBe(true);
    });

    test('who loses access and what new members may is said before saving', async () => {
        const { api } = await showing(shared());
        const dialog = await openMembers();
        press(dialog, 'Remove Ben Ode');
        expect(dialog.getByText(/^Ben Ode loses access at once/)).toBeTruthy();
        expect(dialog.queryByText(`For each member: ${RULE}`)).toBeNull();
        fireEvent.change(dialog.getByRole('combobox', { name: 'Add somebody' }), { target: { value: 'ev' } });
        fireEvent.click(await dialog.findByRole('option', { name: /Eve/ }));
        expect(dialog.getByText(/^Eve Ray can read all files/)).toBeTruthy();
        expect(dialog.getByText(`For each member: ${RULE}`)).toBeTruthy();
        expect(api.of('project.set_members')).toEqual([]);
    });

    test('a change by somebody else meanwhile is told, and looking again shows it', async () => {
        let version = 'v1';
        const { api } = await showing(shared(), {
            'project.show': () => shared({ members_version: version, members: [] }),
            'project.set_members': ({ if_version }) => {
                if (if_version !== 'v2') {
                    version = 'v2';
                    throw problem('conflict', 409, 'somebody else changed the members');
                }
                return done('project.set_members');
            }
        });
        let dialog = await openMembers();
        const addEve = async () => {
            fireEvent.change(dialog.getByRole('combobox', { name: 'Add somebody' }), {
                target: { value: 'ev' }
            });
            fireEvent.click(await dialog.findByRole('option', { name: /Eve/ }));
            press(dialog, 'Save');
        };
        await addEve();
        expect((await dialog.findByRole('alert')).textContent).toMatch(/nothing of yours was saved/);
        press(dialog, 'Look again');
        await waitFor(() => expect(screen.queryByRole('button', { name: 'Look again' })).toBeNull());
        dialog = within(await screen.findByRole('dialog'));
        await dialog.findByRole('list', { name: 'People in this project' });
        await addEve();
        await waitFor(() =>
            expect(api.of('project.set_members').map(({ if_version }) => if_version)).toEqual(['v1', 'v2'])
        );
    });

    test('the progress is shown, and a failure of the job leaves the dialog with its sentence', async () => {
        const running = job({ op: 'project.set_members', session: '', phase: 'rights', total: 0 });
        const failed = { type: 'urn:modama:storage-error', status: 500, detail: 'the disk said no' };
        const { modama } = await showing(shared(), {
            'project.set_members': () => ({ job: running }),
            'job.show': () => ({ ...running, state: 'failed', problem: failed })
        });
        const dialog = await openMembers();
        press(dialog, 'Remove Ben Ode');
        press(dialog, 'Save');
        expect(await dialog.findByText('Changing the members of “p”: rights')).toBeTruthy();
        expect((await dialog.findByRole('alert', {}, { timeout: 3000 })).textContent).toMatch(
            /^the disk said no/
        );
        modama.dispose();
    });
});

describe('finding people', () => {
    test('begins with two letters, once the typing pauses', async () => {
        const { api } = await showing(shared());
        const field = (await openMembers()).getByRole('combobox', { name: 'Add somebody' });
        for (const value of ['e', 'ev', 'eve']) {
            fireEvent.change(field, { target: { value } });
        }
        await waitFor(() => expect(api.of('person.find')).toEqual([{ text: 'eve' }]));
        fireEvent.change(field, { target: { value: 'e' } });
        await act(() => new Promise(resolve => setTimeout(resolve, 300)));
        expect(api.of('person.find')).toHaveLength(1);
    });

    test('is done with the keys alone; Enter chooses and does not save', async () => {
        const people = [eve, { ...eve, uid: 1003, login: 'evan', display: 'Evan Roe' }];
        const { api } = await showing(shared(), { 'person.find': () => ({ items: people }) });
        const dialog = await openMembers();
        const field = dialog.getByRole('combobox', { name: 'Add somebody' });
        fireEvent.change(field, { target: { value: 'ev' } });
        await dialog.findByRole('option', { name: /Evan/ });
        fireEvent.keyDown(field, { key: 'ArrowDown' });
        const chosen = dialog.getByRole('option', { name: /Evan/ });
        expect(field.getAttribute('aria-activedescendant')).toBe(chosen.id);
        expect(fireEvent.keyDown(field, { key: 'Enter' })).toBe(false);
        expect(dialog.getByRole('combobox', { name: 'Role of Evan Roe' })).toBeTruthy();
        expect(api.of('project.set_members')).toEqual([]);
    });

    test('Escape closes the list and not the dialog; nobody found is said', async () => {
        await showing(shared());
        const dialog = await openMembers();
        const field = dialog.getByRole('combobox', { name: 'Add somebody' });
        fireEvent.change(field, { target: { value: 'ev' } });
        await dialog.findByRole('option', { name: /Eve/ });
        expect(fireEvent.keyDown(field, { key: 'Escape' })).toBe(false);
        expect(dialog.queryByRole('option', { name: /Eve/ })).toBeNull();
        press(dialog, 'Remove Ben Ode');
        cleanup();
        await showing(shared(), { 'person.find': () => ({ items: [mia] }) });
        const again = await openMembers();
        fireEvent.change(again.getByRole('combobox', { name: 'Add somebody' }), { target: { value: 'mia' } });
        expect(await again.findByText('Nobody else is found by “mia”.')).toBeTruthy();
    });
});

describe('a project as a whole', () => {
    test('opening it says what that means, and is sent with the version', async () => {
        const { api, modama } = await showing(shared(), {
            'project.set_visibility': () => done('project.set_visibility')
        });
        const dialog = await open('Who can read…');
        expect(dialog.getByRole<HTMLButtonElement>('button', { name: 'Save' }).disabled).toBe(true);
        fireEvent.change(dialog.getByRole('combobox', { name: 'Readers' }), { target: { value: 'open' } });
        expect(dialog.getByText(/^Everybody with an account here can read all files/)).toBeTruthy();
        press(dialog, 'Save');
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('project.set_visibility')).toEqual([
            { project: 'adhoc/p', visibility: 'open', if_version: 'v1' }
        ]);
    });

    test('is given to another owner, with what becomes of those of now', async () => {
        const { api, modama } = await showing(shared(), {
            'project.transfer': () => done('project.transfer')
        });
        const dialog = await open('Transfer…');
        expect(dialog.getByRole<HTMLButtonElement>('button', { name: 'Transfer' }).disabled).toBe(true);
        fireEvent.change(dialog.getByRole('combobox', { name: 'New owner' }), { target: { value: 'ev' } });
        fireEvent.click(await dialog.findByRole('option', { name: /Eve/ }));
        expect(dialog.getByText('Mia Lund stays as a member.')).toBeTruthy();
        fireEvent.change(dialog.getByRole('combobox', { name: /owners of now/ }), {
            target: { value: 'none' }
        });
        expect(dialog.getByText('Mia Lund loses access at once.')).toBeTruthy();
        press(dialog, 'Transfer');
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('project.transfer')).toEqual([
            { project: 'adhoc/p', to: 'eve', stay: 'none', if_version: 'v1' }
        ]);
    });

    test('that is not adopted says so, and its owner adopts it', async () => {
        const { api, modama } = await showing(shared({ adopted: false }), {
            'project.adopt': () => done('project.adopt')
        });
        expect(await screen.findByText(/was made by hand and is not adopted/)).toBeTruthy();
        const dialog = await open('Adopt…');
        expect(dialog.getByText(/Mia Lund owns it/)).toBeTruthy();
        press(dialog, 'Adopt');
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('project.adopt')).toEqual([{ project: 'adhoc/p' }]);
    });

    test('that is not adopted is not adopted by a member', async () => {
        await showing(shared({ adopted: false, role: 'member' }));
        expect(await screen.findByText(/was made by hand and is not adopted/)).toBeTruthy();
        expect(screen.queryByRole('button', { name: 'Adopt…' })).toBeNull();
    });
});

describe('the rights in a project', () => {
    const report = (facts: object = {}) => ({
        project: 'adhoc/p',
        files: 40,
        folders: 1,
        sealed: 0,
        mended: 0,
        found: [
            {
                code: 'masked',
                sentence: '12 are closed to other members',
                count: 12,
                examples: ['adhoc/p/a.dm4'],
                mendable: true,
                left: 0
            }
        ],
        sentence: '12 entries do not grant what the project says; “repair” mends them.',
        ...facts
    });

    test('are checked, told with examples, and repaired', async () => {
        const mended = report({ mended: 11, sentence: '11 entries were mended; 1 belong to others.' });
        mended.found[0].left = 1;
        const { api } = await showing(shared(), {
            'project.check': () => done('project.check', report()),
            'project.repair': () => done('project.repair', mended)
        });
        const dialog = await open('Check rights…');
        expect(await dialog.findByText(/^12 entries do not grant/)).toBeTruthy();
        expect(dialog.getByText('a.dm4').title).toBe('adhoc/p/a.dm4');
        expect(dialog.queryByText('What was found:')).toBeNull();
        expect(dialog.getByText('and 11 more')).toBeTruthy();
        expect(dialog.getByText(/^Looked at: 40 files, 1 folder;/)).toBeTruthy();
        press(dialog, 'Repair');
        expect(await dialog.findByText(/^11 entries were mended/)).toBeTruthy();
        expect(dialog.getByText('What was found:')).toBeTruthy();
        expect(dialog.getByText(/^1 of them belongs to somebody else/)).toBeTruthy();
        expect(dialog.queryByRole('button', { name: 'Repair' })).toBeNull();
        expect(api.of('project.check')).toEqual([{ project: 'adhoc/p' }]);
        expect(api.of('project.repair')).toEqual([{ project: 'adhoc/p' }]);
    });

    test('that are as they should be leave nothing to repair, and a reader cannot', async () => {
        await showing(shared(), {
            'project.check': () => done('project.check', report({ found: [], sentence: 'All is well.' }))
        });
        let dialog = await open('Check rights…');
        expect(await dialog.findByText('All is well.')).toBeTruthy();
        expect(dialog.queryByRole('button', { name: 'Repair' })).toBeNull();
        cleanup();
        await showing(shared({ role: 'reader' }), { 'project.check': () => done('project.check', report()) });
        dialog = await open('Check rights…');
        expect(await dialog.findByText(/^12 entries/)).toBeTruthy();
        expect(dialog.queryByRole('button', { name: 'Repair' })).toBeNull();
    });
});

describe('asking for an unseal', () => {
    const sealed = (facts: object = {}) => session('s', { state: 'sealed', actions: ['verify'], ...facts });

    test('a member says why', async () => {
        const { api, host, modama } = await panelAt(inSession, {
            'session.show': () => sealed(),
            'session.request_unseal': () => ({})
        });
        const dialog = await open('Request unseal…');
        expect(dialog.getByRole<HTMLButtonElement>('button', { name: 'Send request' }).disabled).toBe(true);
        fireEvent.change(dialog.getByRole('textbox', { name: /Reason/ }), {
            target: { value: 'wrong dose' }
        });
        press(dialog, 'Send request');
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('session.request_unseal')).toEqual([
            { project: 'adhoc/p', session: 's', reason: 'wrong dose' }
        ]);
        expect(host.notes[0].now?.text).toBe('The administrators see your request for “s”.');
    });

    test('it is not offered to readers, nor of what is not sealed', async () => {
        for (const shown of [sealed({ role: 'reader' }), sealed({ state: 'writable' })]) {
            await panelAt(inSession, { 'session.show': () => shown });
            expect(await screen.findByRole('button', { name: 'Raw files' })).toBeTruthy();
            expect(screen.queryByRole('button', { name: 'Request unseal…' })).toBeNull();
            cleanup();
        }
    });
});

describe('what a change means', () => {
    const before = rowsOf(shared());
    const told = (after: typeof before) => consequences(before, after, [RULE], english);

    test('several people are told in the plural', () => {
        expect(told(before.slice(0, 1))).toEqual([
            'Ben Ode, 4711 lose access at once, also to their own files in this project; the files stay.'
        ]);
    });

    test('new owners and owners that are none any more are told', () => {
        const after = before.map(row => ({
            ...row,
            role: row.role === 'owner' ? ('member' as const) : ('owner' as const)
        }));
        expect(told(after)).toEqual([
            'Mia Lund does not manage members any more.',
            'Ben Ode, 4711 can then do what you can, also remove you.'
        ]);
    });

    test('an owner has no last day, and who is as before is not sent', () => {
        const after = before.map(row => (row.person === ben ? { ...row, role: 'owner' as const } : row));
        expect(changesOf(before, after)).toEqual({ add: ['ben:owner'], remove: [] });
        expect(changesOf(before, before)).toEqual({ add: [], remove: [] });
    });
});

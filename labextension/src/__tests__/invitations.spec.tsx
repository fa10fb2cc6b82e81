import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { edited, invitationChanges, invitedOf } from '../services/invitations';
import { done, eve, mia, open, openMembers, press, shared, showing } from './members';
import { panelAt } from './panel';
import { problem, status } from './server';

afterEach(cleanup);

describe('invitations by e-mail address', () => {
    const managed = { status: () => status({ mode: 'managed' }) };
    const waiting = (email: string, facts: object = {}) => ({
        project: 'adhoc/p',
        email,
        role: 'member',
        by: mia,
        at: '2026-11-20T10:00:00Z',
        until: null,
        path_b64: '',
        ...facts
    });
    const invited = (...items: object[]) => ({ ...managed, 'project.invitations': () => ({ items }) });
    const type = (dialog: ReturnType<typeof within>, text: string) =>
        fireEvent.change(dialog.getByRole('combobox', { name: 'Add somebody' }), { target: { value: text } });

    test('that wait are shown with a word, since when and by whom', async () => {
        await showing(shared(), invited(waiting('eva@example.org', { role: 'reader', until: '2099-01-31' })));
        const list = within(await screen.findByRole('list', { name: 'Invited, and not here yet' }));
        expect(list.getByRole('listitem').textContent).toBe(
            'eva@example.orginvitedreader until 2099-01-31 · since 2026-11-20, by Mia Lund'
        );
    });

    test('are offered for what looks like an address, by the keys too', async () => {
        const { api, modama } = await showing(shared(), {
            ...invited(),
            'person.find': () => ({ items: [] }),
            'project.invite': wanted => waiting(String(wanted.email))
        });
        const dialog = await openMembers();
        type(dialog, 'Eva.New@Example.org');
        await dialog.findByRole('option', { name: 'Invite by e-mail address: Eva.New@Example.org' });
        fireEvent.keyDown(dialog.getByRole('combobox', { name: 'Add somebody' }), { key: 'Enter' });
        expect(dialog.getByText(/^eva.new@example.org is told by mail/)).toBeTruthy();
        fireEvent.change(dialog.getByRole('combobox', { name: 'Role of eva.new@example.org' }), {
            target: { value: 'reader' }
        });
        expect(api.of('project.invite')).toEqual([]);
        press(dialog, 'Save');
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('project.invite')).toEqual([
            { project: 'adhoc/p', email: 'eva.new@example.org', role: 'reader', until: '' }
        ]);
        expect(api.of('project.set_members')).toEqual([]);
    });

    test('are not offered where nobody signs in', async () => {
        const { api } = await showing(shared(), { 'person.find': () => ({ items: [] }) });
        const dialog = await openMembers();
        type(dialog, 'eva@example.org');
        expect(await dialog.findByText('Nobody else is found by “eva@example.org”.')).toBeTruthy();
        expect(dialog.queryByRole('option', { name: /^Invite/ })).toBeNull();
        expect(api.of('project.invitations')).toEqual([]);
    });

    test('are withdrawn and made with members by one button, and asked for again once only', async () => {
        let items = [waiting('old@example.org')];
        let isBroken = true;
        const { api, modama } = await showing(shared(), {
            ...managed,
            'project.invitations': () => ({ items }),
            'person.find': () => ({ items: [eve] }),
            'project.uninvite': wanted => ({
                items: (items = items.filter(({ email }) => email !== wanted.email))
            }),
            'project.invite': wanted => {
                items = [...items, waiting(String(wanted.email))];
                return items[items.length - 1];
            },
            'project.set_members': () => {
                if (isBroken) {
                    throw problem('storage', 500, 'the disk is full');
                }
                return done('project.set_members');
            }
        });
        const dialog = await openMembers();
        fireEvent.click(
            await dialog.findByRole('button', { name: 'Withdraw the invitation of old@example.org' })
        );
        expect(dialog.getByText('old@example.org is not invited any more.')).toBeTruthy();
        type(dialog, 'new@example.org');
        fireEvent.click(await dialog.findByRole('option', { name: /^Invite by e-mail address/ }));
        type(dialog, 'ev');
        fireEvent.click(await dialog.findByRole('option', { name: /^Eve Ray/ }));
        press(dialog, 'Save');
        expect(await dialog.findByText('the disk is full')).toBeTruthy();
        await waitFor(() => expect(dialog.getByText('since 2026-11-20, by Mia Lund')).toBeTruthy());
        isBroken = false;
        press(dialog, 'Save');
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('project.uninvite')).toEqual([{ project: 'adhoc/p', email: 'old@example.org' }]);
        expect(api.of('project.invite')).toHaveLength(1);
        expect(api.of('project.set_members')).toHaveLength(2);
    });

    test('of others that come meanwhile are left as they are', () => {
        const [one, two] = invitedOf([waiting('a@x.org'), waiting('b@x.org')] as never);
        const edits = {
            'a@x.org': null,
            'c@x.org': { email: 'c@x.org', role: 'member' as const, until: '' }
        };
        const after = edited([one, two], edits);
        expect(after.map(({ email }) => email)).toEqual(['b@x.org', 'c@x.org']);
        expect(invitationChanges([one, two], after)).toEqual({
            invite: [{ email: 'c@x.org', role: 'member', until: '' }],
            withdraw: ['a@x.org']
        });
    });
});

describe('mails', () => {
    const kinds = [
        { name: 'quiet', about: 'x', wanted: true },
        { name: 'newer', about: 'something newer', wanted: false }
    ];
    const answers = (sent = true) => ({
        status: () => status({ mode: 'managed' }),
        'person.mails': () => ({ items: kinds, sent }),
        'person.set_mails': () => ({ items: kinds, sent })
    });

    test('are chosen in a dialog that the list of projects leads to', async () => {
        const { api, modama } = await panelAt({ view: 'projects' }, answers());
        const dialog = await open('Mails…');
        const quiet = await dialog.findByRole<HTMLInputElement>('checkbox', {
            name: /^sessions in your projects/
        });
        const newer = dialog.getByRole<HTMLInputElement>('checkbox', { name: 'something newer' });
        expect([quiet.checked, newer.checked]).toEqual([true, false]);
        fireEvent.click(quiet);
        fireEvent.click(newer);
        press(dialog, 'Save');
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('person.set_mails')).toEqual([{ off: ['quiet'] }]);
    });

    test('are none where the site sends none, which is said', async () => {
        await panelAt({ view: 'projects' }, answers(false));
        const dialog = await open('Mails…');
        expect(await dialog.findByText('This site has no mail server and sends no mail.')).toBeTruthy();
    });
});

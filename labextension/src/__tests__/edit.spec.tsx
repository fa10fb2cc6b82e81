import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react';
import type { Place } from '../services/place';
import { inSession, panelAt } from './panel';
import { problem, project, session } from './server';

afterEach(cleanup);

describe('editing', () => {
    const inProject: Place = { view: 'project', project: 'adhoc/p' };
    const ofProject = {
        'project.show': () => project('p', { title: 'Old', fields: { licence: 'CC-BY-4.0' } }),
        'session.list': () => ({ items: [], total: 0, proposed_name: '' })
    };

    const open = async () => {
        fireEvent.click(await screen.findByRole('button', { name: 'Edit…' }));
        return within(await screen.findByRole('dialog'));
    };
    const type = (dialog: ReturnType<typeof within>, name: string | RegExp, value: string) =>
        fireEvent.change(dialog.getByRole('textbox', { name }), { target: { value } });
    const save = (dialog: ReturnType<typeof within>) =>
        fireEvent.click(dialog.getByRole('button', { name: 'Save' }));

    test('a project sends what was changed, and nothing else', async () => {
        const { api, modama } = await panelAt(inProject, {
            ...ofProject,
            'project.update': () => project('p', { title: 'New' })
        });
        const dialog = await open();
        expect(dialog.getByRole<HTMLInputElement>('textbox', { name: 'Licence' }).value).toBe('CC-BY-4.0');
        type(dialog, 'Title', 'New');
        type(dialog, 'Sample', 'FePt');
        save(dialog);
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('project.update')).toEqual([{ project: 'adhoc/p', title: 'New', sample: 'FePt' }]);
        expect(api.of('project.rename')).toEqual([]);
    });

    test('a project is for its owners to edit', async () => {
        await panelAt(inProject, { ...ofProject, 'project.show': () => project('p', { role: 'member' }) });
        expect(await screen.findByRole('button', { name: 'New session…' })).toBeTruthy();
        expect(screen.queryByRole('button', { name: 'Edit…' })).toBeNull();
    });

    test('a refused new name is explained beside its field, and the fields wait for it', async () => {
        const { api } = await panelAt(inProject, {
            ...ofProject,
            'project.rename': () => {
                throw problem('name-refused', 422, 'the name “CON” cannot be used: Windows keeps it');
            }
        });
        const dialog = await open();
        type(dialog, /^Name/, 'CON');
        type(dialog, 'Title', 'New');
        save(dialog);
        expect((await dialog.findByRole('alert')).textContent).toContain('Windows keeps it');
        expect(dialog.getByRole('textbox', { name: /^Name/ }).getAttribute('aria-invalid')).toBe('true');
        expect(api.of('project.update')).toEqual([]);
    });

    test('a renamed project is shown under its new name, and updated there', async () => {
        const { api, modama } = await panelAt(inProject, {
            ...ofProject,
            'project.rename': ({ name }) => project(String(name)),
            'project.update': () => project('q')
        });
        const dialog = await open();
        type(dialog, /^Name/, 'q');
        type(dialog, 'Title', 'New');
        save(dialog);
        await waitFor(() => expect(api.of('project.update')).toHaveLength(1));
        expect(api.of('project.rename')).toEqual([{ project: 'adhoc/p', name: 'q' }]);
        expect(api.of('project.update')[0]).toMatchObject({ project: 'adhoc/q', title: 'New' });
        expect(modama.places.current.get()).toMatchObject({ view: 'project', project: 'adhoc/q' });
    });

    /** A session whose sample somebody else writes down while it is edited here. */
    async function meanwhile(theirs: Record<string, string>) {
        let fields: Record<string, string> = {};
        const all = await panelAt(inSession, {
            'session.show': () => session('s', { fields }),
            'session.update': () => session('s')
        });
        const dialog = await open();
        type(dialog, 'Sample', 'mine');
        fields = theirs;
        save(dialog);
        return { ...all, dialog };
    }

    test('what another person wrote into the same field is told, and one’s own goes over it if one insists', async () => {
        const { api, dialog } = await meanwhile({ sample: 'theirs', operator: 'Ben' });
        expect((await dialog.findByRole('note')).textContent).toMatch(/changed “Sample”.*“theirs”/);
        expect(api.of('session.update')).toEqual([]);
        save(dialog);
        await waitFor(() =>
            expect(api.of('session.update')).toEqual([{ project: 'adhoc/p', session: 's', sample: 'mine' }])
        );
    });

    test('what another person wrote can be taken over', async () => {
        const { api, modama, dialog } = await meanwhile({ sample: 'theirs' });
        fireEvent.click(await dialog.findByRole('button', { name: 'Take theirs' }));
        expect(dialog.getByRole<HTMLInputElement>('textbox', { name: 'Sample' }).value).toBe('theirs');
        save(dialog);
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('session.update')).toEqual([]);
    });

    test('what another person wrote elsewhere stays', async () => {
        const { api } = await meanwhile({ operator: 'Ben' });
        await waitFor(() =>
            expect(api.of('session.update')).toEqual([{ project: 'adhoc/p', session: 's', sample: 'mine' }])
        );
    });

    test('of a sealed session only what may still be changed is offered', async () => {
        const sealed = { state: 'sealed-bare' as const, actions: ['seal', 'update'] };
        await panelAt(inSession, { 'session.show': () => session('s', sealed) });
        const dialog = await open();
        expect(dialog.queryByRole('textbox', { name: /^Name/ })).toBeNull();
        expect(dialog.getByRole('textbox', { name: 'Title' })).toBeTruthy();
        expect(dialog.getByText(/stays as it was sealed/)).toBeTruthy();
    });

    test('a session is not edited by those who may only read it', async () => {
        await panelAt(inSession, { 'session.show': () => session('s', { actions: [] }) });
        expect(await screen.findByRole('button', { name: 'Raw files' })).toBeTruthy();
        expect(screen.queryByRole('button', { name: 'Edit…' })).toBeNull();
    });
});

import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react';
import type { Session } from '../api/types';
import { inSession, panelAt } from './panel';
import { project, session } from './server';

const mia = { uid: 1000, login: 'mia', display: 'Mia Lund', kind: 'internal' as const };
const ben = { uid: 1001, login: 'ben', display: 'Ben Ode', kind: 'internal' as const };
const request = {
    project: 'adhoc/p',
    session: 's',
    by: ben,
    at: '2024-11-06T09:39:00Z',
    reason: 'wrong dose',
    path_b64: '',
    declined_by: null,
    declined_at: null,
    declined_because: ''
};
const declined = {
    ...request,
    declined_by: mia,
    declined_at: '2024-11-07T09:39:00Z',
    declined_because: 'it is published'
};
const sealed = (facts: Partial<Session> = {}) =>
    session('s', { state: 'sealed', actions: ['verify'], request, ...facts });
const administered = () => sealed({ role: 'administrator', actions: ['unseal'] });

async function dialogOf(button: string) {
    fireEvent.click(await screen.findByRole('button', { name: button }));
    return within(await screen.findByRole('dialog'));
}

describe('a request to unseal', () => {
    test('members see who asks and why, and cannot answer', async () => {
        await panelAt(inSession, { 'session.show': () => sealed() });
        expect((await screen.findByText(/wrong dose/)).textContent).toMatch(
            /^Ben Ode asks to have this unsealed/
        );
        expect(screen.queryByRole('button', { name: 'Decline…' })).toBeNull();
    });

    test('an administrator says no, and why', async () => {
        const answers = { shown: administered() };
        const { api, modama } = await panelAt(inSession, {
            'session.show': () => answers.shown,
            'session.decline_unseal': () => {
                answers.shown = { ...administered(), request: declined };
                return declined;
            }
        });
        const dialog = await dialogOf('Decline…');
        expect(dialog.getByText(/wrong dose/)).toBeTruthy();
        const send = dialog.getByRole<HTMLButtonElement>('button', { name: 'Decline' });
        expect(send.disabled).toBe(true);
        fireEvent.change(dialog.getByRole('textbox', { name: /Reason/ }), {
            target: { value: 'it is published' }
        });
        fireEvent.click(send);
        await waitFor(() => expect(modama.ask.get()).toBeUndefined());
        expect(api.of('session.decline_unseal')).toEqual([
            { project: 'adhoc/p', session: 's', reason: 'it is published' }
        ]);
        expect((await screen.findByText(/it is published/)).textContent).toMatch(/^Mia Lund declined/);
        expect(screen.queryByRole('button', { name: 'Decline…' })).toBeNull();
    });

    test('who unseals sees what was asked, and nothing that was declined', async () => {
        await panelAt(inSession, { 'session.show': administered });
        expect((await dialogOf('Unseal…')).getByText(/wrong dose/)).toBeTruthy();
        cleanup();
        await panelAt(inSession, { 'session.show': () => ({ ...administered(), request: declined }) });
        const dialog = await dialogOf('Unseal…');
        expect(dialog.queryByText(/wrong dose/)).toBeNull();
    });

    test('without one nothing is said', async () => {
        await panelAt(inSession, { 'session.show': () => sealed({ request: null }) });
        expect(await screen.findByRole('button', { name: 'Raw files' })).toBeTruthy();
        expect(screen.queryByText(/asks to have this unsealed/)).toBeNull();
    });
});

describe('what the nights have found', () => {
    const place = { view: 'project', project: 'adhoc/p' } as const;

    test('stands in the project, a sentence for each session', async () => {
        const mismatches = [
            '2024-11-06: adhoc/p/s is NOT as it was sealed',
            '2024-11-07: adhoc/p/t lost its seal'
        ];
        await panelAt(place, { 'project.show': () => project('p', { mismatches }) });
        for (const sentence of mismatches) {
            expect(await screen.findByText(sentence)).toBeTruthy();
        }
    });

    test('is not spoken of where all is well', async () => {
        await panelAt(place, { 'project.show': () => project('p') });
        expect(await screen.findByRole('button', { name: 'Browse files' })).toBeTruthy();
        expect(screen.queryByText(/Sealed data is not/)).toBeNull();
    });
});

describe('a seal', () => {
    test('sealed again tells what changed, with the first names', async () => {
        const since = {
            sealed_at: '2024-01-01T00:00:00Z',
            sentence: 'since the seal of 2024-01-01 00:00 UTC: 12 new files, 1 missing file',
            new: 12,
            changed: 0,
            missing: 1,
            first_new: ['raw/a', 'raw/b'],
            first_changed: [],
            first_missing: ['raw/<i>gone</i>'],
            full_list: 'adhoc/p/s/.modama/changes.jsonl'
        };
        const seal = {
            by: { uid: 1, login: 'mia', display: '', kind: 'internal' as const },
            at: '2024-01-02T00:00:00Z',
            files: 13,
            bytes: 1,
            note: '',
            undo_until: null,
            writers: 'none',
            manifest_sha256: '',
            since
        };
        await panelAt(inSession, { 'session.show': () => session('s', { state: 'sealed', seal }) });
        expect(await screen.findByText(since.sentence)).toBeTruthy();
        expect(screen.getAllByRole('listitem', { hidden: true }).map(item => item.textContent)).toEqual(
            expect.arrayContaining(['new: raw/a, raw/b …', 'missing: raw/<i>gone</i>'])
        );
        expect(screen.getByText(/All of them are named in adhoc\/p\/s\/.modama\/changes.jsonl/)).toBeTruthy();
    });
});

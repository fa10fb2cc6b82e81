import { cleanup, fireEvent, screen, within } from '@testing-library/react';
import type { Place } from '../services/place';
import { shortened, stepsTo } from '../ui/Crumbs';
import { inSession, panelAt } from './panel';
import { folderPage, session } from './server';

afterEach(cleanup);

describe('the facts of a session', () => {
    const summary = { files: 0, bytes: 0, folders: 0, formats: [], complete: true, duration_s: 0.3 };
    const told = async (state: string, facts: object) => {
        await panelAt(inSession, {
            'session.show': () =>
                session('s', {
                    state,
                    created: '2024-11-06T09:39:00Z',
                    summary: { ...summary, ...facts }
                } as never)
        });
        return (await screen.findByText('Created')).closest('dl')?.textContent ?? '';
    };
    const created = { first_arrival: null, last_arrival: null };

    test.each([
        ['writable', {}, 'no files yet'],
        ['writable', { complete: false }, 'still counting'],
        ['writable', { files: 1, bytes: 2048 }, '2.00 KiB in 1 file'],
        ['writable', { files: 2, bytes: 2048, complete: false }, '2.00 KiB in 2 files so far']
    ])('%p with %p is told as %p', async (state, facts, text) => {
        expect(await told(state, { ...created, ...facts })).toContain(text);
        expect(screen.queryByText('Duration')).toBeNull();
    });

    test('while it is sealed an older count of nothing is not told', async () => {
        expect(await told('sealing', created)).not.toContain('Raw data');
    });
});

test('the way to a place leads through projects and sessions', () => {
    const place: Place = { view: 'folder', path: 'adhoc/p/s/raw' };
    expect(stepsTo(place, 'Projects', { project: 'adhoc/p', session: 's' })).toEqual([
        ['Projects', { view: 'projects' }],
        ['p', { view: 'project', project: 'adhoc/p' }],
        ['s', { view: 'session', project: 'adhoc/p', session: 's' }],
        ['raw', place]
    ]);
});

test('a long way is told in five steps, and the whole of it as its title', async () => {
    const place: Place = { view: 'folder', path: 'adhoc/p/s/raw/one/two/three' };
    const steps = stepsTo(place, 'Projects', { project: 'adhoc/p', session: 's' });
    expect(shortened(steps).map(([name]) => name)).toEqual(['Projects', 'p', '…', 'two', 'three']);
    expect(shortened(steps.slice(0, 5))).toEqual(steps.slice(0, 5));
    const { modama } = await panelAt(place, { 'folder.list': () => folderPage([], { session: 's' }) });
    const way = await screen.findByTitle('Projects / p / s / raw / one / two / three');
    fireEvent.click(within(way).getByRole('button', { name: '…' }));
    expect(modama.places.current.get()).toMatchObject({ path: 'adhoc/p/s/raw/one' });
});

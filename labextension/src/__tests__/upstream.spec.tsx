import { act, fireEvent, screen, waitFor } from '@testing-library/react';
import type { ServiceStatus } from '../api/types';
import { panelAt } from './panel';
import { project, status } from './server';

const AWAY: ServiceStatus = {
    address: 'https://hub.example.org/services/modama',
    state: 'away',
    says: 'the service https://hub.example.org/services/modama does not answer: Connection refused'
};
const HERE: ServiceStatus = { ...AWAY, state: 'here', says: '' };

/** The list of projects of a managed tree whose service stands so. */
async function projects(service: ServiceStatus) {
    const now = { service };
    const all = await panelAt(
        { view: 'projects' },
        {
            status: () => status({ mode: 'managed', service: now.service }),
            'project.list': () => ({ items: [project('p')], total: 1, cursor: '' })
        }
    );
    await screen.findByText('p');
    return { ...all, now };
}

const create = () => screen.getByRole<HTMLButtonElement>('button', { name: /New project/ });

describe('the service of a managed tree', () => {
    it('is not spoken of while it is there', async () => {
        await projects(HERE);
        expect(create().disabled).toBe(false);
        expect(screen.queryByText(/service of this site/)).toBeNull();
    });

    it('is not spoken of in a tree that is not managed', async () => {
        await panelAt({ view: 'projects' });
        await waitFor(() => expect(create().disabled).toBe(false));
        expect(screen.queryByText(/service of this site/)).toBeNull();
    });

    it('is said to be away; what changes is off and says why; browsing goes on', async () => {
        await projects(AWAY);
        expect(screen.getByText(/does not answer at the moment/)).toBeTruthy();
        expect(screen.getByText(/Browsing, previews, LiberTEM and notebooks work/)).toBeTruthy();
        expect(screen.getByText(/Connection refused\.$/)).toBeTruthy();
        expect(create().disabled).toBe(true);
        expect(create().title).toMatch(/Not possible now/);
        expect(screen.getByText('p')).toBeTruthy();
    });

    it('is asked again on a click, and all is well when it is back', async () => {
        const { now, api } = await projects(AWAY);
        const lists = api.of('project.list').length;
        now.service = HERE;
        fireEvent.click(screen.getByRole('button', { name: 'Look again' }));
        await waitFor(() => expect(create().disabled).toBe(false));
        expect(screen.queryByText(/does not answer/)).toBeNull();
        await waitFor(() => expect(api.of('project.list').length).toBeGreaterThan(lists));
    });

    it('is asked again by itself, more and more seldom', async () => {
        jest.useFakeTimers({ advanceTimers: true });
        try {
            const { api, now, modama } = await projects(AWAY);
            const asked = () => api.of('status').length;
            const before = asked();
            await act(() => jest.advanceTimersByTimeAsync(5100));
            expect(asked()).toBe(before + 1);
            await act(() => jest.advanceTimersByTimeAsync(5100));
            expect(asked()).toBe(before + 1);
            await act(() => jest.advanceTimersByTimeAsync(5100));
            expect(asked()).toBe(before + 2);
            now.service = HERE;
            await act(() => jest.advanceTimersByTimeAsync(21000));
            expect(create().disabled).toBe(false);
            modama.dispose();
        } finally {
            jest.useRealTimers();
        }
    });

    it('is heard of by news', async () => {
        const { modama } = await projects(HERE);
        const tell = (service: ServiceStatus) =>
            act(() => {
                const at = '2026-11-21T12:00:00Z';
                (modama.news as unknown as { tell(event: object): void }).tell({
                    id: 1,
                    type: 'service',
                    project: '',
                    path: '',
                    at,
                    data: service
                });
            });
        tell(AWAY);
        expect(create().disabled).toBe(true);
        tell(HERE);
        expect(create().disabled).toBe(false);
    });

    it.each<[ServiceStatus['state'], RegExp]>([
        ['other-version', /different versions/],
        ['refused', /does not let this server in/]
    ])('says why it is of no use when it is %s', async (state, words) => {
        await projects({ ...AWAY, state, says: 'restart your server from the hub’s control panel' });
        expect(screen.getByText(words)).toBeTruthy();
        expect(screen.getByText('Restart your server from the hub’s control panel.')).toBeTruthy();
        expect(create().disabled).toBe(true);
    });

    it('leaves its absence from the answer unsaid, as on its own pages', async () => {
        await panelAt(
            { view: 'projects' },
            { status: () => ({ ...status(), service: undefined, missing: undefined }) }
        );
        await waitFor(() => expect(create().disabled).toBe(false));
    });
});

it('what is not mounted is named', async () => {
    await panelAt(
        { view: 'projects' },
        { status: () => status({ missing: ['project adhoc/ä: it is not there any more'] }) }
    );
    expect(await screen.findByText('project adhoc/ä: it is not there any more')).toBeTruthy();
});

import { render, waitFor } from '@testing-library/react';
import type { Place } from '../services/place';
import { App } from '../ui/App';
import { entry, folderPage, together } from './server';

/** The panel at a place. */
export async function panelAt(
    place: Place,
    answers: Record<string, (wanted: Record<string, unknown>) => unknown> = {}
) {
    const all = together();
    all.host.kept.set('place', place);
    Object.assign(all.api.answers, {
        'folder.list': () =>
            folderPage([entry('alpha.dm4'), entry('beta.mib'), entry('sub', { kind: 'folder' })]),
        ...answers
    });
    const drawn = render(<App modama={all.modama} />);
    await waitFor(() => expect(all.modama.places.current.get()).toEqual(place));
    return { ...all, ...drawn };
}

export const inFolder: Place = { view: 'folder', path: 'adhoc/p/s/raw' };
export const inSession: Place = { view: 'session', project: 'adhoc/p', session: 's' };

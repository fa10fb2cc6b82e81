import { fireEvent, screen, within } from '@testing-library/react';
import type { Project } from '../api/types';
import type { Place } from '../services/place';
import { panelAt } from './panel';
import { job, project } from './server';

/** A project with people in it, and its dialogs. */

export const inProject: Place = { view: 'project', project: 'adhoc/p' };
export const mia = { uid: 1000, login: 'mia', display: 'Mia Lund', kind: 'internal' as const };
export const ben = { uid: 1001, login: 'ben', display: 'Ben Ode', kind: 'internal' as const };
export const eve = { uid: 1002, login: 'eve', display: 'Eve Ray', kind: 'external' as const };
export const gone = { uid: 4711, login: '', display: '', kind: 'unknown' as const };
export const RULE = 'You may delete your own files only, also in folders that you made.';

export const shared = (facts: Partial<Project> = {}) =>
    project('p', {
        members: [
            { person: ben, role: 'member', until: '2099-01-31' },
            { person: gone, role: 'reader', until: null }
        ],
        rules: [RULE],
        ...facts
    });

export const done = (op: string, result: unknown = null) => ({
    job: job({ op, session: '', state: 'done', result: result as never })
});

export const showing = (shown: Project, answers: Parameters<typeof panelAt>[1] = {}) =>
    panelAt(inProject, {
        'project.show': () => shown,
        'session.list': () => ({ items: [], total: 0, proposed_name: '' }),
        'person.find': () => ({ items: [mia, eve] }),
        'project.set_members': () => done('project.set_members'),
        ...answers
    });

export async function open(name: string) {
    fireEvent.click(await screen.findByRole('button', { name }));
    const dialog = within(await screen.findByRole('dialog'));
    return dialog;
}

export const openMembers = async () => {
    const dialog = await open('Manage members…');
    await dialog.findByRole('list', { name: 'People in this project' });
    return dialog;
};

export const press = (dialog: ReturnType<typeof within>, name: string) =>
    fireEvent.click(dialog.getByRole('button', { name }));

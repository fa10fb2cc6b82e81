import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import type { Project, Session } from '../api/types';
import { start } from '../services/actions';
import { tellProblem } from '../services/details';
import type { Modama } from '../services/modama';
import { above } from '../services/place';
import { takesChanges } from '../services/upstream';
import { IModama } from '../tokens';
import { mayAsk } from '../ui/RequestUnseal';
import { PANEL } from './sidebar';

interface Command {
    id: string;
    label: string;
    /** Where the panel has to be for it. */
    on: 'project' | 'session' | 'anywhere';
    changes?: boolean;
    act(): unknown;
}

/** What the buttons of the panel's pages do, as commands: for the palette, the menu and shortcuts of one's own. */
export const pageCommands: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:page-commands',
    description: 'What the pages of the MODAMA panel offer, in the palette and in the menu.',
    autoStart: true,
    requires: [IModama],
    optional: [ICommandPalette],
    activate: (app: JupyterFrontEnd, modama: Modama, palette: ICommandPalette | null): void => {
        const { host, places, upstream } = modama;
        for (const { id, label, on, changes = false, act } of all(modama)) {
            app.commands.addCommand(id, {
                label,
                describedBy: { args: { type: 'object', properties: {} } },
                isEnabled: () =>
                    (on === 'anywhere' || places.current.get().view === on) &&
                    (!changes || takesChanges(upstream.state.get())),
                execute: async () => {
                    app.shell.activateById(PANEL);
                    try {
                        await act();
                    } catch (error) {
                        tellProblem(modama, error);
                    }
                }
            });
            palette?.addItem({ command: id, category: host.trans.__('MODAMA') });
        }
    }
};

function all(modama: Modama): Command[] {
    return [...ofAnything(modama), ...ofProjects(modama), ...ofSessions(modama)];
}

function ofAnything(modama: Modama): Command[] {
    const { trans } = modama.host;
    const { places } = modama;
    return [
        {
            id: 'modama:up',
            label: trans.__('One Level Up in MODAMA'),
            on: 'anywhere',
            act: () => places.go(above(places.current.get()))
        },
        {
            id: 'modama:refresh',
            label: trans.__('Refresh MODAMA'),
            on: 'anywhere',
            act: () => modama.changed()
        }
    ];
}

function ofProjects(modama: Modama): Command[] {
    const { api, ask, host, places } = modama;
    const { trans } = host;
    const row = (
        kind: 'edit-project' | 'members' | 'visibility' | 'transfer' | 'adopt' | 'rights',
        label: string
    ): Command => ({
        id: `modama:${kind}`,
        label,
        on: 'project',
        changes: true,
        act: async () => {
            const place = places.current.get();
            if (place.view === 'project') {
                const { project: path, path_b64 } = place;
                const project: Project = await api.call('project.show', { project: path, path_b64 });
                ask.set({ kind, project });
            }
        }
    });
    return [
        row('edit-project', trans.__('Edit MODAMA Project…')),
        row('members', trans.__('Manage Members of MODAMA Project…')),
        row('visibility', trans.__('Who Can Read MODAMA Project…')),
        row('transfer', trans.__('Transfer MODAMA Project…')),
        row('adopt', trans.__('Adopt MODAMA Project…')),
        row('rights', trans.__('Check Rights in MODAMA Project…'))
    ];
}

const isOffered = ({ actions }: Session, action: string | undefined): boolean =>
    action === undefined || actions.includes(action);

function ofSessions(modama: Modama): Command[] {
    const { api, ask, host, places } = modama;
    const { trans } = host;
    const row = (
        name: string,
        label: string,
        /** The action that the server has to offer for it, or what else says so. */
        action: string | ((session: Session) => boolean) | undefined,
        act: (session: Session) => unknown
    ): Command => ({
        id: `modama:${name}`,
        label,
        on: 'session',
        changes: action !== undefined,
        act: async () => {
            const place = places.current.get();
            if (place.view !== 'session') {
                return;
            }
            const { project, session: named, path_b64 } = place;
            const session = await api.call('session.show', { project, session: named, path_b64 });
            const may = typeof action === 'function' ? action(session) : isOffered(session, action);
            if (may) {
                await act(session);
                return;
            }
            const text = trans.__('“%1” does not allow this now, or not to you.', session.name);
            const why = { label: trans.__('Why?'), do: () => ask.set({ kind: 'explain', entry: session }) };
            host.notify({ kind: 'warning', text, actions: [why] });
        }
    });
    return [
        row('edit-session', trans.__('Edit MODAMA Session…'), 'update', session =>
            ask.set({ kind: 'edit-session', session })
        ),
        row('undo-seal', trans.__('Undo Seal of MODAMA Session'), 'undo_seal', session =>
            start(modama, 'session.undo_seal', session)
        ),
        row('unseal', trans.__('Unseal MODAMA Session…'), 'unseal', session =>
            ask.set({ kind: 'unseal', session })
        ),
        row('request-unseal', trans.__('Request to Unseal MODAMA Session…'), mayAsk, session =>
            ask.set({ kind: 'request-unseal', session })
        ),
        row('raw-files', trans.__('Raw Files of MODAMA Session'), undefined, session =>
            places.go({ view: 'folder', path: session.raw })
        ),
        row('session-links', trans.__('Links and Commands for MODAMA Session…'), undefined, session =>
            ask.set({ kind: 'links', entry: { path: session.path, path_b64: session.path_b64 } })
        ),
        row('notes', trans.__('Notes of MODAMA Session'), undefined, session =>
            session.notes ? host.openText?.(session.notes) : undefined
        )
    ];
}

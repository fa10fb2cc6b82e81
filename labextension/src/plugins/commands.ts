import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IFileBrowserFactory, type FileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Located } from '../api/client';
import type { Session } from '../api/types';
import { modamaIcon } from '../lab/icon';
import { dataPath } from '../lab/paths';
import { openInLibertem, openInNotebook, start } from '../services/actions';
import { copyText } from '../services/copying';
import type { Modama } from '../services/modama';
import { Nearby } from '../services/nearby';
import { isAtHub } from '../services/serverpart';
import { takesChanges } from '../services/upstream';
import { IModama } from '../tokens';
import { PANEL } from './sidebar';

export const CommandIDs = {
    showPanel: 'modama:show-panel',
    startLibertem: 'modama:start-libertem',
    newProject: 'modama:new-project',
    newSession: 'modama:new-session',
    mails: 'modama:choose-mails',
    seal: 'modama:seal-session',
    verify: 'modama:verify-session',
    openInLibertem: 'modama:open-in-libertem',
    openInNotebook: 'modama:open-in-notebook',
    showLinks: 'modama:show-links',
    copyPath: 'modama:copy-path',
    explain: 'modama:explain-entry',
    showInPanel: 'modama:show-in-panel'
} as const;

const DESCRIBED = {
    args: {
        type: 'object',
        properties: {
            path: {
                type: 'string',
                description: 'A path of the data, below its root; without one, what is selected'
            },
            browser: { type: 'boolean', description: 'Take what is selected in the file browser' }
        }
    }
} as const;

/** What can be done, as commands: for the palette, for menus and shortcuts, for other extensions. */
export const commands: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:commands',
    description: 'The commands of MODAMA, in the palette, the launcher and the menus of the file browser.',
    autoStart: true,
    requires: [IModama],
    optional: [ICommandPalette, ILauncher, IFileBrowserFactory],
    activate: (
        app: JupyterFrontEnd,
        modama: Modama,
        palette: ICommandPalette | null,
        launcher: ILauncher | null,
        browsers: IFileBrowserFactory | null
    ): void => {
        const target = (args: ReadonlyPartialJSONObject) => targetOf(modama, browsers, args);
        const nearby = new Nearby(modama.api);
        addPanelCommands(app, modama);
        addSessionCommands(app, modama, args => {
            const entry = args.browser ? target(args) : undefined;
            return entry && nearby.sessionOf(entry.path);
        });
        addEntryCommands(app, modama, target, folderAt(modama, browsers, nearby));
        if (browsers) {
            follow(modama, browsers, nearby);
        }
        const { trans } = modama.host;
        for (const command of Object.values(CommandIDs)) {
            palette?.addItem({ command, category: trans.__('MODAMA') });
        }
        launcher?.add({ command: CommandIDs.showPanel, category: trans.__('MODAMA'), rank: 0 });
        launcher?.add({ command: CommandIDs.startLibertem, category: trans.__('MODAMA'), rank: 1 });
    }
};

/** What a command is about: the path it was given, or what is selected in the file browser or in the panel. */
function targetOf(
    modama: Modama,
    browsers: IFileBrowserFactory | null,
    args: ReadonlyPartialJSONObject
): Located | undefined {
    if (typeof args.path === 'string') {
        return { path: args.path };
    }
    if (args.browser) {
        const item = browsers?.tracker.currentWidget?.selectedItems().next().value;
        const path = item && dataPath(modama, item.path);
        return path === undefined ? undefined : { path };
    }
    return modama.selected.get();
}

/** What kind of folder a command is about: one in a session, or one that is more than that; undefined: it is none. */
type FolderAt = (args: ReadonlyPartialJSONObject) => 'in-session' | 'other' | undefined;

function folderAt(modama: Modama, browsers: IFileBrowserFactory | null, nearby: Nearby): FolderAt {
    return args => {
        if (typeof args.path === 'string') {
            return undefined; // whoever says a path knows what it is
        }
        if (!args.browser) {
            const entry = modama.selected.get();
            const inSession = modama.around.get().session !== '' && entry?.role_in_tree === '';
            return entry?.kind === 'folder' ? (inSession ? 'in-session' : 'other') : undefined;
        }
        const item = browsers?.tracker.currentWidget?.selectedItems().next().value;
        const path = item?.type === 'directory' ? dataPath(modama, item.path) : undefined;
        const session = path && nearby.sessionOf(path);
        return path === undefined ? undefined : session && session.path !== path ? 'in-session' : 'other';
    };
}

function addEntryCommands(
    app: JupyterFrontEnd,
    modama: Modama,
    target: (args: ReadonlyPartialJSONObject) => Located | undefined,
    folder: FolderAt
): void {
    const { trans } = modama.host;
    const always = () => true;
    const add = (
        id: string,
        label: string,
        act: (entry: Located) => unknown,
        applies: (args: ReadonlyPartialJSONObject) => boolean = always
    ) =>
        app.commands.addCommand(id, {
            label,
            caption: trans.__(
                'Works on the file or folder that is selected in the panel or in the file browser'
            ),
            describedBy: DESCRIBED,
            isEnabled: args => target(args) !== undefined && applies(args),
            // Of the file browser's many files only some are data. A palette shows what it cannot do now, a menu does not.
            isVisible: args =>
                args.isPalette === true || ((!args.browser || target(args) !== undefined) && applies(args)),
            execute: args => {
                const entry = target(args);
                return entry && act(entry);
            }
        });
    const ask = (kind: 'links' | 'explain') => (entry: Located) => {
        app.shell.activateById(PANEL);
        modama.ask.set({ kind, entry });
    };
    // A measurement may be a folder of files, which LiberTEM opens as one; a whole session or project is none.
    add(
        CommandIDs.openInLibertem,
        trans.__('Open in LiberTEM'),
        entry => openInLibertem(modama, entry),
        args => folder(args) !== 'other'
    );
    add(
        CommandIDs.openInNotebook,
        trans.__('Open in Notebook'),
        entry => openInNotebook(modama, entry),
        args => folder(args) === undefined
    );
    add(CommandIDs.showLinks, trans.__('Copy Links and Commands…'), ask('links'));
    add(CommandIDs.explain, trans.__('Why Can’t I Write Here?'), ask('explain'));
    add(CommandIDs.copyPath, trans.__('Copy Path of Data'), entry =>
        copyText(modama, entry.path, trans.__('The path'))
    );
    add(CommandIDs.showInPanel, trans.__('Show in MODAMA'), ({ path }) => {
        const cut = path.lastIndexOf('/');
        app.shell.activateById(PANEL);
        modama.places.go({
            view: 'folder',
            path: path.slice(0, Math.max(0, cut)),
            select: path.slice(cut + 1)
        });
    });
}

function addPanelCommands(app: JupyterFrontEnd, modama: Modama): void {
    const { api, ask, host, places } = modama;
    const { trans } = host;
    const here = () => places.current.get();
    const add = (id: string, label: string, execute: () => unknown, isEnabled = () => true) =>
        app.commands.addCommand(id, {
            label,
            isEnabled,
            describedBy: { args: { type: 'object', properties: {} } },
            icon: args => (args.isPalette ? undefined : modamaIcon),
            execute: () => {
                app.shell.activateById(PANEL);
                return execute();
            }
        });
    const inSession = () => here().view === 'session';
    const changes = () => takesChanges(modama.upstream.state.get());
    add(CommandIDs.showPanel, trans.__('Projects and Sessions'), () => undefined);
    add(CommandIDs.startLibertem, trans.__('LiberTEM'), () =>
        host.open(`${api.base}modama-libertem/`, trans.__('LiberTEM'))
    );
    add(
        CommandIDs.newProject,
        trans.__('New MODAMA Project…'),
        () => ask.set({ kind: 'new-project' }),
        changes
    );
    add(
        CommandIDs.newSession,
        trans.__('New MODAMA Session…'),
        () => {
            const place = here();
            if (place.view === 'project' || place.view === 'session') {
                ask.set({ kind: 'new-session', project: place.project });
            }
        },
        () => changes() && (here().view === 'project' || inSession())
    );
    add(
        CommandIDs.mails,
        trans.__('MODAMA Mails to Me…'),
        () => ask.set({ kind: 'mails' }),
        () => changes() && isAtHub(modama.server.state.get())
    );
    modama.upstream.state.subscribe(() => app.commands.notifyCommandChanged());
    places.current.subscribe(() => app.commands.notifyCommandChanged());
    modama.selected.subscribe(() => app.commands.notifyCommandChanged());
}

/** Seal and verify: the session that the panel shows, or the one that is selected, or lies around, in the file browser. */
function addSessionCommands(
    app: JupyterFrontEnd,
    modama: Modama,
    nearby: (args: ReadonlyPartialJSONObject) => Session | undefined
): void {
    const { api, ask, places } = modama;
    const { trans } = modama.host;
    const add = (id: string, action: string, label: string, act: (session: Session) => unknown) => {
        const applies = (args: ReadonlyPartialJSONObject) =>
            args.browser
                ? (nearby(args)?.actions.includes(action) ?? false)
                : places.current.get().view === 'session';
        app.commands.addCommand(id, {
            label,
            describedBy: DESCRIBED,
            icon: args => (args.isPalette ? undefined : modamaIcon),
            isEnabled: args =>
                applies(args) && (action === 'verify' || takesChanges(modama.upstream.state.get())),
            isVisible: args => !args.browser || applies(args),
            execute: async args => {
                const place = places.current.get();
                app.shell.activateById(PANEL);
                if (args.browser) {
                    const found = nearby(args);
                    return found && act(found);
                }
                if (place.view === 'session') {
                    const { project, session, path_b64 } = place;
                    await act(await api.call('session.show', { project, session, path_b64 }));
                }
                return undefined;
            }
        });
    };
    add(CommandIDs.seal, 'seal', trans.__('Seal MODAMA Session…'), session =>
        ask.set({ kind: 'seal', session })
    );
    add(CommandIDs.verify, 'verify', trans.__('Verify MODAMA Session'), session =>
        start(modama, 'session.verify', session)
    );
}

/** Know the sessions around the folder that the file browser shows. */
function follow(modama: Modama, { tracker }: IFileBrowserFactory, nearby: Nearby): void {
    const look = () => {
        const model = tracker.currentWidget?.model;
        void nearby.look(model && dataPath(modama, model.path));
    };
    const watch = (browser: FileBrowser) => {
        browser.model.pathChanged.connect(look);
        look();
    };
    tracker.forEach(watch);
    tracker.widgetAdded.connect((_, browser) => watch(browser));
    tracker.currentChanged.connect(look);
    modama.server.state.subscribe(look);
    modama.revision.subscribe(() => void nearby.again());
}

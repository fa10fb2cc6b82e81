import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import type { Entry } from '../api/types';
import { removeEntries } from '../services/files';
import type { Modama } from '../services/modama';
import { takesChanges } from '../services/upstream';
import { IModama } from '../tokens';
import { PANEL } from './sidebar';

/** What can be done with the files that are selected in the panel, as commands. */
export const fileCommands: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:file-commands',
    description: 'The commands of MODAMA for files, in the palette and in the menu of the panel’s list.',
    autoStart: true,
    requires: [IModama],
    optional: [ICommandPalette],
    activate: (app: JupyterFrontEnd, modama: Modama, palette: ICommandPalette | null): void => {
        const { ask, around, chosen, host } = modama;
        const { trans } = host;
        const add = (
            name: string,
            label: string,
            act: (entries: readonly Entry[]) => unknown,
            isEnabled: (entries: readonly Entry[]) => boolean
        ) => {
            const command = `modama:${name}`;
            app.commands.addCommand(command, {
                label,
                caption: trans.__('Works on what is selected in the panel'),
                describedBy: { args: { type: 'object', properties: {} } },
                isEnabled: () => isEnabled(chosen.get()),
                execute: () => {
                    app.shell.activateById(PANEL);
                    return act(chosen.get());
                }
            });
            palette?.addItem({ command, category: trans.__('MODAMA') });
        };
        const some = (entries: readonly Entry[]) => entries.length > 0;
        const mayGo = (entries: readonly Entry[]) =>
            some(entries) &&
            takesChanges(modama.upstream.state.get()) &&
            entries.every(({ sealed, role_in_tree }) => !sealed && !role_in_tree);
        const one = (entries: readonly Entry[]) => entries.length === 1;
        const project = () => around.get().project;
        add(
            'rename-entry',
            trans.__('Rename…'),
            ([entry]) => ask.set({ kind: 'rename-entry', entry }),
            entries => one(entries) && mayGo(entries)
        );
        add(
            'move-entries',
            trans.__('Move into a Session…'),
            entries => ask.set({ kind: 'move-entries', entries, project: project() }),
            mayGo
        );
        add(
            'make-session',
            trans.__('Make This Folder a Session…'),
            ([entry]) => ask.set({ kind: 'make-session', entry, project: project() }),
            entries =>
                one(entries) &&
                mayGo(entries) &&
                entries[0].kind === 'folder' &&
                entries[0].path === `${project()}/${entries[0].name}`
        );
        add('remove-entries', trans.__('Remove…'), entries => removeEntries(modama, entries), mayGo);
        add('download', trans.__('Download…'), entries => ask.set({ kind: 'download', entries }), some);
        add('insert-loader', trans.__('Insert into Notebook'), ([entry]) => insert(app, modama, entry), one);
        chosen.subscribe(() => app.commands.notifyCommandChanged());
    }
};

/** Put the lines that load an entry into a new cell of the notebook that is open. */
async function insert(app: JupyterFrontEnd, { host, loaders }: Modama, entry: Entry): Promise<void> {
    const { trans } = host;
    const text = await loaders.ask(entry);
    if (!text) {
        const says = trans.__('The server does not say how “%1” is loaded in Python.', entry.path);
        host.notify({ kind: 'error', text: says });
    } else if (app.commands.hasCommand(BELOW) && app.commands.isEnabled(BELOW)) {
        await app.commands.execute(BELOW, { activate: false });
        await app.commands.execute('notebook:replace-selection', { text: text.trimEnd() });
    } else {
        host.notify({
            kind: 'warning',
            text: trans.__('Open a notebook first; the lines go below its active cell.')
        });
    }
}

const BELOW = 'notebook:insert-cell-below';

import { useRef } from 'react';
import type { Located } from '../../api/client';
import type { Entry, FolderPage } from '../../api/types';
import { fromField } from '../../services/chosen';
import { removeEntries } from '../../services/files';
import { amount } from '../../services/format';
import { takesChanges } from '../../services/upstream';
import { useModama, useTrans, useValue } from '../context';
import { IconButton } from '../parts';

/** What makes a field take a folder; React's types do not know it. */
const FOLDERS_TOO: object = { webkitdirectory: '' };

interface Props {
    folder: Located;
    head: FolderPage | undefined;
    chosen: readonly Entry[];
}

/** What can be done with files here: bring some, and what becomes of those that are selected. */
export function FilesBar({ folder, head, chosen }: Props): JSX.Element | null {
    const modama = useModama();
    const { ask, uploads, upstream } = modama;
    const trans = useTrans();
    const changes = takesChanges(useValue(upstream.state));
    const files = useRef<HTMLInputElement>(null);
    const folders = useRef<HTMLInputElement>(null);
    if (!head?.project) {
        return null;
    }
    const { project, writable, reason } = head;
    const take = (field: HTMLInputElement) => {
        uploads.add(folder, fromField(field.files));
        field.value = '';
    };
    const because = (label: string) => (writable ? label : `${label}. ${reason}`);
    const one = chosen.length === 1 ? chosen[0] : undefined;
    const mayGo =
        chosen.length > 0 && changes && chosen.every(({ sealed, role_in_tree }) => !sealed && !role_in_tree);
    const inProject =
        one?.kind === 'folder' && one.path === `${project}/${one.name}` && one.role_in_tree === '';
    return (
        <div className="mo-files-bar" role="group" aria-label={trans.__('Files')}>
            <IconButton
                icon="folder-plus"
                label={because(trans.__('New folder…'))}
                disabled={!writable}
                onClick={() => ask.set({ kind: 'new-folder', folder })}
            />
            <IconButton
                icon="upload"
                label={because(trans.__('Bring files from this computer…'))}
                disabled={!writable}
                onClick={() => files.current?.click()}
            />
            <IconButton
                icon="upload-folder"
                label={because(trans.__('Bring a folder from this computer…'))}
                disabled={!writable}
                onClick={() => folders.current?.click()}
            />
            <span className="mo-bar-gap" />
            <IconButton
                icon="download"
                label={
                    chosen.length > 0
                        ? trans.__('Download what is selected…')
                        : trans.__('Download this folder…')
                }
                onClick={() => ask.set({ kind: 'download', entries: chosen.length > 0 ? chosen : [folder] })}
            />
            <IconButton
                icon="pen"
                label={trans.__('Rename…')}
                disabled={!one || !mayGo}
                onClick={() => one && ask.set({ kind: 'rename-entry', entry: one })}
            />
            <IconButton
                icon="move"
                label={trans.__('Move into a session…')}
                disabled={!mayGo}
                onClick={() => ask.set({ kind: 'move-entries', entries: chosen, project })}
            />
            {inProject && (
                <IconButton
                    icon="session"
                    label={trans.__('Make this folder a session…')}
                    disabled={!mayGo}
                    onClick={() => one && ask.set({ kind: 'make-session', entry: one, project })}
                />
            )}
            <IconButton
                icon="trash"
                label={trans.__('Remove…')}
                disabled={!mayGo}
                onClick={() => void removeEntries(modama, chosen)}
            />
            {chosen.length > 1 && (
                <span className="mo-quiet" role="status">
                    {trans.__('%1 selected', amount(chosen.length))}
                </span>
            )}
            <input
                ref={files}
                type="file"
                multiple
                hidden
                aria-label={trans.__('Files to bring')}
                onChange={event => take(event.target)}
            />
            <input
                ref={folders}
                {...FOLDERS_TOO}
                type="file"
                hidden
                aria-label={trans.__('A folder to bring')}
                onChange={event => take(event.target)}
            />
        </div>
    );
}

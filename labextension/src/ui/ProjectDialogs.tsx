import { useState } from 'react';
import type { Person, Project } from '../api/types';
import { fullNameOf, nameOf } from '../services/members';
import { ChangeModal } from './ChangeModal';
import { useModama, useTrans } from './context';
import { Box, Button, Choice } from './parts';
import { PersonSearch } from './PersonSearch';

type Visibility = Project['visibility'];

const at = (project: Project) => ({ project: project.path, path_b64: project.path_b64 || undefined });

/** Let everybody look into a project, or its members only. */
export function VisibilityDialog({ project }: { project: Project }): JSX.Element {
    const { api, ask } = useModama();
    const trans = useTrans();
    const [visibility, setVisibility] = useState(project.visibility);
    return (
        <ChangeModal
            title={trans.__('Who can read “%1”', project.name)}
            action={trans.__('Save')}
            disabled={visibility === project.visibility}
            begin={() =>
                api.call('project.set_visibility', {
                    ...at(project),
                    visibility,
                    if_version: project.members_version
                })
            }
            // The page behind the dialog asks again; what it shows then is what is so.
            onAgain={() => ask.set(undefined)}
        >
            <Choice<Visibility>
                label={trans.__('Readers')}
                value={visibility}
                options={[
                    ['private', trans.__('members only')],
                    ['open', trans.__('everybody with an account here')]
                ]}
                onChange={setVisibility}
            />
            <p>
                {visibility === 'open'
                    ? trans.__(
                          'Everybody with an account here can read all files of this project and copy them. Only members can change anything.'
                      )
                    : trans.__(
                          'Only owners and members can look into this project; everybody else loses access at once. What others copied meanwhile stays theirs.'
                      )}
            </p>
        </ChangeModal>
    );
}

type Stay = 'member' | 'reader' | 'none';

/** Give a project to another owner. */
export function TransferDialog({ project }: { project: Project }): JSX.Element {
    const { api, ask } = useModama();
    const trans = useTrans();
    const [to, setTo] = useState<Person>();
    const [stay, setStay] = useState<Stay>('member');
    const owners = project.owners.map(nameOf).join(', ');
    const count = project.owners.length;
    const after: Record<Stay, string> = {
        member: trans._n('%2 stays as a member.', '%2 stay as members.', count, owners),
        reader: trans._n('%2 can only read then.', '%2 can only read then.', count, owners),
        none: trans._n('%2 loses access at once.', '%2 lose access at once.', count, owners)
    };
    return (
        <ChangeModal
            title={trans.__('Transfer project “%1”', project.name)}
            action={trans.__('Transfer')}
            look="danger"
            disabled={!to}
            begin={() =>
                api.call('project.transfer', {
                    ...at(project),
                    to: to?.login,
                    stay,
                    if_version: project.members_version
                })
            }
            onAgain={() => ask.set(undefined)}
        >
            {to ? (
                <p>
                    {trans.__('New owner: %1', fullNameOf(to, trans))}{' '}
                    <Button onClick={() => setTo(undefined)}>{trans.__('Somebody else')}</Button>
                </p>
            ) : (
                <PersonSearch
                    label={trans.__('New owner')}
                    help={trans.__('Type at least two letters of the login or of the name.')}
                    except={count === 1 ? [project.owners[0].uid] : []}
                    onChoose={setTo}
                />
            )}
            <Choice<Stay>
                label={trans.__('What the owners of now are afterwards')}
                value={stay}
                options={[
                    ['member', trans.__('member')],
                    ['reader', trans.__('reader')],
                    ['none', trans.__('nothing')]
                ]}
                onChange={setStay}
            />
            <Box kind="info">
                {to && (
                    <p>
                        {trans.__(
                            '%1 alone decides then who is in this project; only %1 or an administrator can give it back.',
                            nameOf(to)
                        )}
                    </p>
                )}
                <p>{after[stay]}</p>
            </Box>
        </ChangeModal>
    );
}

/** Have a project that was made by hand kept as the others are. */
export function AdoptDialog({ project }: { project: Project }): JSX.Element {
    const { api } = useModama();
    const trans = useTrans();
    return (
        <ChangeModal
            title={trans.__('Adopt project “%1”', project.name)}
            action={trans.__('Adopt')}
            begin={() => api.call('project.adopt', at(project))}
        >
            <p>
                {trans._n(
                    'The project gets its owner, its members and its protection from here: %2 owns it, and who has access by the folder’s permissions now becomes a member.',
                    'The project gets its owners, its members and its protection from here: %2 own it, and who has access by the folder’s permissions now becomes a member.',
                    project.owners.length,
                    project.owners.map(nameOf).join(', ')
                )}
            </p>
            <p>
                {trans.__(
                    'The files stay where they are; who may read and change them follows the members then.'
                )}
            </p>
        </ChangeModal>
    );
}

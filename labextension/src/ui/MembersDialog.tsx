import { useState } from 'react';
import { asProblem } from '../api/problem';
import type { Person, Project } from '../api/types';
import {
    changesOf,
    consequences,
    fullNameOf,
    nameOf,
    roleWord,
    rowsOf,
    type MemberRole,
    type Row
} from '../services/members';
import { today } from '../services/format';
import { ChangeModal } from './ChangeModal';
import { useModama, useTrans } from './context';
import { Box, IconButton } from './parts';
import { PersonSearch } from './PersonSearch';

const ROLES: readonly MemberRole[] = ['owner', 'member', 'reader'];

/** Add people to a project, change what they are in it, and remove them: all of it by one button. */
export function MembersDialog({ project }: { project: Project }): JSX.Element {
    const { api, host } = useModama();
    const [now, setNow] = useState(project);
    const again = () => {
        const { path, path_b64 } = project;
        api.call('project.show', { project: path, path_b64: path_b64 || undefined }).then(setNow, error =>
            host.notify({ kind: 'error', text: asProblem(error).message })
        );
    };
    return <MembersForm key={now.members_version} project={now} onAgain={again} />;
}

function MembersForm(props: { project: Project; onAgain(): void }): JSX.Element {
    const { project } = props;
    const { api } = useModama();
    const trans = useTrans();
    const [before] = useState(() => rowsOf(project));
    const [rows, setRows] = useState(before);
    const changes = changesOf(before, rows);
    const hasOwner = rows.some(({ role }) => role === 'owner');
    const put = (row: Row) => setRows(rows.map(old => (old.person.uid === row.person.uid ? row : old)));
    const add = (person: Person) => {
        // Who was removed by mistake comes back as they were.
        const old = before.find(row => row.person.uid === person.uid);
        setRows([...rows, old ?? { person, role: 'member', until: '' }]);
    };
    return (
        <ChangeModal
            title={trans.__('Members of “%1”', project.name)}
            action={trans.__('Save')}
            disabled={!hasOwner || changes.add.length + changes.remove.length === 0}
            begin={() =>
                api.call('project.set_members', {
                    project: project.path,
                    path_b64: project.path_b64 || undefined,
                    ...changes,
                    if_version: project.members_version
                })
            }
            onAgain={props.onAgain}
        >
            <div className="mo-people-head" aria-hidden>
                <span className="mo-person">{trans.__('Who')}</span>
                <span className="mo-people-role">{trans.__('Role')}</span>
                <span className="mo-people-day">{trans.__('Last day')}</span>
            </div>
            <ul className="mo-people-form" aria-label={trans.__('People in this project')}>
                {rows.map(row => (
                    <PersonRow
                        key={row.person.uid}
                        row={row}
                        onChange={put}
                        onRemove={() => setRows(rows.filter(({ person }) => person.uid !== row.person.uid))}
                    />
                ))}
            </ul>
            <PersonSearch
                label={trans.__('Add somebody')}
                help={trans.__('Type at least two letters of the login or of the name.')}
                except={rows.map(({ person }) => person.uid)}
                onChoose={add}
            />
            <Consequences told={consequences(before, rows, project.rules, trans)} />
        </ChangeModal>
    );
}

function PersonRow(props: { row: Row; onChange(row: Row): void; onRemove(): void }): JSX.Element {
    const { row, onChange } = props;
    const trans = useTrans();
    const name = nameOf(row.person);
    const isGone = row.person.kind === 'unknown';
    return (
        <li>
            <span className="mo-person">{fullNameOf(row.person, trans)}</span>
            <select
                aria-label={trans.__('Role of %1', name)}
                value={row.role}
                disabled={isGone}
                onChange={event => {
                    const role = event.target.value as MemberRole;
                    onChange({ ...row, role, until: role === 'owner' ? '' : row.until });
                }}
            >
                {ROLES.map(role => (
                    <option key={role} value={role}>
                        {roleWord(role, trans)}
                    </option>
                ))}
            </select>
            <input
                type="date"
                aria-label={trans.__('Last day of %1', name)}
                title={
                    row.role === 'owner'
                        ? trans.__('An owner has no last day')
                        : trans.__('Last day; empty: without an end')
                }
                min={today()}
                value={row.until}
                disabled={isGone || row.role === 'owner'}
                onChange={event => onChange({ ...row, until: event.target.value })}
            />
            <IconButton icon="close" label={trans.__('Remove %1', name)} onClick={props.onRemove} />
        </li>
    );
}

/** What will be so after saving, before it is saved. */
function Consequences({ told }: { told: string[] }): JSX.Element {
    return (
        <div aria-live="polite">
            {told.length > 0 && (
                <Box kind="info">
                    {told.map(sentence => (
                        <p key={sentence}>{sentence}</p>
                    ))}
                </Box>
            )}
        </div>
    );
}

import { useState } from 'react';
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
import {
    edited,
    invitationChanges,
    invitationConsequences,
    type InvitationEdits,
    type Invited
} from '../services/invitations';
import { tellProblem } from '../services/details';
import { ChangeModal } from './ChangeModal';
import { useModama, useTrans } from './context';
import { InvitedForm, useInvited, useInvites } from './Invitations';
import { Box, IconButton } from './parts';
import { PersonSearch } from './PersonSearch';

const NOBODY: Invited[] = [];
const ROLES: readonly MemberRole[] = ['owner', 'member', 'reader'];

/** Add people to a project, change what they are in it, and remove them: all of it by one button. */
export function MembersDialog({ project }: { project: Project }): JSX.Element {
    const modama = useModama();
    const { api } = modama;
    const [now, setNow] = useState(project);
    const invites = useInvites(project);
    const invited = useInvited(project, invites);
    const again = () => {
        const { path, path_b64 } = project;
        api.call('project.show', { project: path, path_b64: path_b64 || undefined }).then(setNow, error =>
            tellProblem(modama, error)
        );
    };
    return (
        <MembersForm
            key={now.members_version}
            project={now}
            onAgain={again}
            invited={invited.answer ?? NOBODY}
            canInvite={invites && invited.answer !== undefined}
            onInvited={invited.again}
        />
    );
}

function MembersForm(props: {
    project: Project;
    onAgain(): void;
    /** As it is known to be; it may come later than the rest. */
    invited: readonly Invited[];
    canInvite: boolean;
    /** Some were made or withdrawn. */
    onInvited(): void;
}): JSX.Element {
    const { project, invited } = props;
    const { api } = useModama();
    const trans = useTrans();
    const [edits, setEdits] = useState<InvitationEdits>({});
    const inviting = edited(invited, edits);
    const letters = invitationChanges(invited, inviting);
    const [before] = useState(() => rowsOf(project));
    const [rows, setRows] = useState(before);
    const changes = changesOf(before, rows);
    const isChanged = changes.add.length + changes.remove.length > 0;
    const where = { project: project.path, path_b64: project.path_b64 || undefined };
    const hasOwner = rows.some(({ role }) => role === 'owner');
    const put = (row: Row) => setRows(rows.map(old => (old.person.uid === row.person.uid ? row : old)));
    const add = (person: Person) => {
        // Who was removed by mistake comes back as they were.
        const old = before.find(row => row.person.uid === person.uid);
        setRows([...rows, old ?? { person, role: 'member', until: '' }]);
    };
    const edit = (row: Invited | null, email = row?.email ?? '') => setEdits({ ...edits, [email]: row });
    const invite = (text: string) => {
        const email = text.toLowerCase();
        edit(invited.find(row => row.email === email) ?? { email, role: 'member', until: '' });
    };
    return (
        <ChangeModal
            title={trans.__('Members of “%1”', project.name)}
            action={trans.__('Save')}
            disabled={!hasOwner || !(isChanged || letters.invite.length + letters.withdraw.length > 0)}
            begin={async () => {
                try {
                    for (const email of letters.withdraw) {
                        await api.call('project.uninvite', { ...where, email });
                    }
                    for (const row of letters.invite) {
                        await api.call('project.invite', { ...where, ...row });
                    }
                } finally {
                    props.onInvited(); // what went well is not asked again
                }
                return isChanged
                    ? api.call('project.set_members', {
                          ...where,
                          ...changes,
                          if_version: project.members_version
                      })
                    : { job: undefined };
            }}
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
            <InvitedForm rows={inviting} onChange={edit} onWithdraw={email => edit(null, email)} />
            <PersonSearch
                label={trans.__('Add somebody')}
                help={
                    props.canInvite
                        ? trans.__(
                              'Type at least two letters of the login or of the name, or an e-mail address.'
                          )
                        : trans.__('Type at least two letters of the login or of the name.')
                }
                except={rows.map(({ person }) => person.uid)}
                onChoose={add}
                onInvite={props.canInvite ? invite : undefined}
            />
            <Consequences
                told={[
                    ...consequences(before, rows, project.rules, trans),
                    ...invitationConsequences(invited, inviting, trans)
                ]}
            />
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

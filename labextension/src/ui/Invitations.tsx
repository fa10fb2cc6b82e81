import type { Project } from '../api/types';
import { day, today } from '../services/format';
import { invitedOf, type Invited, type InvitedRole } from '../services/invitations';
import { nameOf, roleWord } from '../services/members';
import { isAtHub } from '../services/serverpart';
import { useAnswer, useModama, useTrans, useValue, type Asked } from './context';
import { IconButton } from './parts';

const NONE: Invited[] = [];
const MEMBERS = new Set(['member', 'owner', 'administrator']);
const ROLES: readonly InvitedRole[] = ['member', 'reader'];

/** Where people sign in at a hub they can be invited before they have an account. */
export function useInvites(project: Project): boolean {
    return (
        isAtHub(useValue(useModama().server.state)) &&
        project.members_from === '' &&
        MEMBERS.has(project.role)
    );
}

/** Who is invited to a project and has not come yet; nobody where that is not asked. */
export function useInvited(project: Project, asks: boolean): Asked<Invited[]> {
    const { api, revision } = useModama();
    const { path, path_b64 } = project;
    return useAnswer(
        signal =>
            asks
                ? api
                      .call('project.invitations', { project: path, path_b64: path_b64 || undefined }, signal)
                      .then(({ items }) => invitedOf(items))
                : Promise.resolve(NONE),
        path,
        [useValue(revision), asks]
    );
}

/** One line for each invitation that waits. */
export function InvitedLines({ rows }: { rows: readonly Invited[] }): JSX.Element | null {
    const trans = useTrans();
    if (rows.length === 0) {
        return null;
    }
    return (
        <ul className="mo-people" aria-label={trans.__('Invited, and not here yet')}>
            {rows.map(row => (
                <li key={row.email}>
                    <span>{row.email}</span>
                    <InvitedBadge />
                    <span className="mo-quiet">
                        {row.until
                            ? trans.__('%1 until %2', roleWord(row.role, trans), row.until)
                            : roleWord(row.role, trans)}
                        {row.sent && ` · ${sentence(row.sent, trans)}`}
                    </span>
                </li>
            ))}
        </ul>
    );
}

function InvitedBadge(): JSX.Element {
    const trans = useTrans();
    return (
        <span className="mo-badge" title={trans.__('Comes in at the first sign-in with this address')}>
            {trans.__('invited')}
        </span>
    );
}

const sentence = (sent: NonNullable<Invited['sent']>, trans: ReturnType<typeof useTrans>): string =>
    trans.__('since %1, by %2', day(sent.at), nameOf(sent.by));

/** The invitations of a project, to be changed and withdrawn. */
export function InvitedForm(props: {
    rows: readonly Invited[];
    onChange(row: Invited): void;
    onWithdraw(email: string): void;
}): JSX.Element | null {
    const { rows } = props;
    const trans = useTrans();
    if (rows.length === 0) {
        return null;
    }
    return (
        <ul className="mo-people-form" aria-label={trans.__('Invited, and not here yet')}>
            {rows.map(row => (
                <InvitedRow
                    key={row.email}
                    row={row}
                    onChange={props.onChange}
                    onWithdraw={() => props.onWithdraw(row.email)}
                />
            ))}
        </ul>
    );
}

function InvitedRow(props: { row: Invited; onChange(row: Invited): void; onWithdraw(): void }): JSX.Element {
    const { row, onChange } = props;
    const trans = useTrans();
    return (
        <li>
            <span className="mo-person">
                {row.email} <InvitedBadge />
                <span className="mo-quiet mo-line">
                    {row.sent ? sentence(row.sent, trans) : trans.__('when this is saved')}
                </span>
            </span>
            <select
                aria-label={trans.__('Role of %1', row.email)}
                value={row.role}
                onChange={event => onChange({ ...row, role: event.target.value as InvitedRole })}
            >
                {ROLES.map(role => (
                    <option key={role} value={role}>
                        {roleWord(role, trans)}
                    </option>
                ))}
            </select>
            <input
                type="date"
                aria-label={trans.__('Last day of %1', row.email)}
                title={trans.__('Last day; empty: without an end')}
                min={today()}
                value={row.until}
                onChange={event => onChange({ ...row, until: event.target.value })}
            />
            <IconButton
                icon="close"
                label={trans.__('Withdraw the invitation of %1', row.email)}
                onClick={props.onWithdraw}
            />
        </li>
    );
}

import type { Person, Project } from '../api/types';
import type { Translation } from '../ui/host';

export type MemberRole = 'reader' | 'member' | 'owner';

/** One person in the form: what they are to be. An empty `until` is a membership without an end. */
export interface Row {
    person: Person;
    role: MemberRole;
    until: string;
}

/** The name under which people know somebody. */
export const nameOf = (person: Person): string => person.display || person.login || String(person.uid);

/** The name, and what else tells this person from others of that name. */
export function fullNameOf(person: Person, trans: Translation): string {
    const name = nameOf(person);
    const login = person.login && person.login !== name ? ` (${person.login})` : '';
    const kind = kindWord(person, trans);
    return `${name}${login}${kind && `, ${kind}`}`;
}

/** What is special about a person's account; empty where nothing is. */
export function kindWord({ kind }: Person, trans: Translation): string {
    switch (kind) {
        case 'external':
            return trans.__('external');
        case 'unknown':
            return trans.__('account is gone');
        default:
            return '';
    }
}

export function roleWord(role: string, trans: Translation): string {
    switch (role) {
        case 'owner':
            return trans.__('owner');
        case 'reader':
            return trans.__('reader');
        default:
            return trans.__('member');
    }
}

/** Everybody in a project, owners first. */
export function rowsOf(project: Project): Row[] {
    const owners = project.owners.map(person => ({ person, role: 'owner' as const, until: '' }));
    const known = new Set(project.owners.map(({ uid }) => uid));
    const others = project.members
        .filter(({ person }) => !known.has(person.uid))
        .map(({ person, role, until }) => ({ person, role: role as MemberRole, until: until ?? '' }));
    return [...owners, ...others];
}

/** How the server is told of a person: by the number where there is no account any more. */
const named = ({ login, kind, uid }: Person): string => (kind === 'unknown' || !login ? String(uid) : login);

const asked = ({ person, role, until }: Row): string =>
    `${named(person)}:${role}${until && role !== 'owner' ? `:${until}` : ''}`;

const without = (rows: Row[], others: Row[]): Row[] =>
    rows.filter(({ person }) => !others.some(other => other.person.uid === person.uid));

/** The one request that leads from what is to what is wanted. */
export function changesOf(before: Row[], after: Row[]): { add: string[]; remove: string[] } {
    const was = new Map(before.map(row => [row.person.uid, asked(row)]));
    return {
        add: after.filter(row => was.get(row.person.uid) !== asked(row)).map(asked),
        remove: without(before, after).map(({ person }) => named(person))
    };
}

/** What a change means for people, in sentences, before it is made. */
export function consequences(
    before: Row[],
    after: Row[],
    rules: readonly string[],
    trans: Translation
): string[] {
    const was = new Map(before.map(row => [row.person.uid, row.role]));
    const names = (rows: Row[]) => rows.map(({ person }) => nameOf(person)).join(', ');
    const [lost, come] = [without(before, after), without(after, before)];
    const closed = after.filter(
        ({ person, role }) => role === 'reader' && (was.get(person.uid) ?? role) !== role
    );
    const down = after.filter(({ person, role }) => role === 'member' && was.get(person.uid) === 'owner');
    const up = after.filter(({ person, role }) => role === 'owner' && was.get(person.uid) !== 'owner');
    const writers = come.some(({ role }) => role !== 'reader');
    const told = (who: Row[], sentence: (count: number, people: string) => string) =>
        who.length > 0 ? [sentence(who.length, names(who))] : [];
    return [
        ...(after.some(({ role }) => role === 'owner')
            ? []
            : [trans.__('A project keeps at least one owner.')]),
        ...told(lost, (count, people) =>
            trans._n(
                '%2 loses access at once, also to own files in this project; the files stay.',
                '%2 lose access at once, also to their own files in this project; the files stay.',
                count,
                people
            )
        ),
        ...told(closed, (count, people) =>
            trans._n(
                '%2 can only read then, and change nothing any more.',
                '%2 can only read then, and change nothing any more.',
                count,
                people
            )
        ),
        ...told(down, (count, people) =>
            trans._n(
                '%2 does not manage members any more.',
                '%2 do not manage members any more.',
                count,
                people
            )
        ),
        ...told(up, (count, people) =>
            trans._n(
                '%2 can then do what you can, also remove you.',
                '%2 can then do what you can, also remove you.',
                count,
                people
            )
        ),
        ...told(come, (count, people) =>
            trans._n(
                '%2 can read all files of this project at once.',
                '%2 can read all files of this project at once.',
                count,
                people
            )
        ),
        ...(writers ? rules.map(rule => trans.__('For each member: %1', rule)) : [])
    ];
}

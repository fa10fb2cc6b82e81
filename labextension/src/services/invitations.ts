import type { Invitation, Person } from '../api/types';
import type { Translation } from '../ui/host';

export type InvitedRole = 'member' | 'reader';

/** Somebody invited by e-mail address; `sent` is missing as long as nothing has been saved. */
export interface Invited {
    email: string;
    role: InvitedRole;
    until: string;
    sent?: { by: Person; at: string };
}

/** Whether a text is meant as an e-mail address; the server judges what is one. */
export const isAddress = (text: string): boolean => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text);

export const invitedOf = (items: readonly Invitation[]): Invited[] =>
    items.map(({ email, role, until, by, at }) => ({
        email,
        role: role === 'reader' ? 'reader' : 'member',
        until: until ?? '',
        sent: { by, at }
    }));

/** What somebody has changed in a form, by address; null takes an invitation back. */
export type InvitationEdits = Readonly<Record<string, Invited | null>>;

/** The invitations as they will be, also where others change some meanwhile. */
export function edited(rows: readonly Invited[], edits: InvitationEdits): Invited[] {
    const known = new Set(rows.map(({ email }) => email));
    const now = rows.map(row => {
        const edit = row.email in edits ? edits[row.email] : row;
        return edit && { ...edit, sent: row.sent };
    });
    const fresh = Object.values(edits).filter(row => row && !known.has(row.email));
    return [...now, ...fresh].filter(row => row !== null);
}

const asked = ({ email, role, until }: Invited): { email: string; role: string; until: string } => ({
    email,
    role,
    until
});

/** The requests that lead from what is to what is wanted. */
export function invitationChanges(
    before: readonly Invited[],
    after: readonly Invited[]
): { invite: ReturnType<typeof asked>[]; withdraw: string[] } {
    const was = new Map(before.map(row => [row.email, JSON.stringify(asked(row))]));
    return {
        invite: after.filter(row => was.get(row.email) !== JSON.stringify(asked(row))).map(asked),
        withdraw: before.map(({ email }) => email).filter(email => !after.some(row => row.email === email))
    };
}

/** What a change of invitations means, in sentences, before it is made. */
export function invitationConsequences(
    before: readonly Invited[],
    after: readonly Invited[],
    trans: Translation
): string[] {
    const { withdraw } = invitationChanges(before, after);
    const come = after.filter(({ sent }) => !sent).map(({ email }) => email);
    return [
        ...(come.length > 0
            ? [
                  trans._n(
                      '%2 is told by mail, where this site sends any, and comes in at the first sign-in with this verified address, within 90 days.',
                      '%2 are told by mail, where this site sends any, and come in at their first sign-in with these verified addresses, within 90 days.',
                      come.length,
                      come.join(', ')
                  )
              ]
            : []),
        ...(withdraw.length > 0
            ? [
                  trans._n(
                      '%2 is not invited any more.',
                      '%2 are not invited any more.',
                      withdraw.length,
                      withdraw.join(', ')
                  )
              ]
            : [])
    ];
}

import type { Project } from '../api/types';
import { kindWord, nameOf, roleWord, rowsOf, type Row } from '../services/members';
import { useModama, useTrans } from './context';
import { InvitedLines, useInvited, useInvites } from './Invitations';
import { Box, Button } from './parts';

/** Who is in a project, who may look into it, and for its owners how to change that. */
export function Members({ project, canManage }: { project: Project; canManage: boolean }): JSX.Element {
    const { ask } = useModama();
    const trans = useTrans();
    // Members that a group brings are changed where the group is filled.
    const canChange = canManage && project.members_from === '';
    const invited = useInvited(project, useInvites(project));
    return (
        <section aria-label={trans.__('Members')}>
            <h3>{trans.__('Members')}</h3>
            {!project.adopted && <NotAdopted project={project} canAdopt={canChange} />}
            <ul className="mo-people">
                {rowsOf(project).map(row => (
                    <PersonLine key={row.person.uid} row={row} />
                ))}
            </ul>
            <InvitedLines rows={invited.answer ?? []} />
            <p className="mo-quiet">
                {project.visibility === 'open'
                    ? trans.__('Open: everybody with an account here can read it.')
                    : project.groups.length > 0
                      ? trans.__('Private: nobody but its members and these groups can look into it.')
                      : trans.__('Private: nobody but its members can look into it.')}
            </p>
            {project.members_from && <p className="mo-quiet">{sentence(project.members_from)}</p>}
            {[...project.groups, ...project.rules].map(rule => (
                <p key={rule} className="mo-quiet">
                    {rule}
                </p>
            ))}
            <div className="mo-toolbar">
                {canChange && (
                    <Button changes icon="project" onClick={() => ask.set({ kind: 'members', project })}>
                        {trans.__('Manage members…')}
                    </Button>
                )}
                {canChange && (
                    <Button changes onClick={() => ask.set({ kind: 'transfer', project })}>
                        {trans.__('Transfer…')}
                    </Button>
                )}
                {canManage && (
                    <Button changes icon="eye" onClick={() => ask.set({ kind: 'visibility', project })}>
                        {trans.__('Who can read…')}
                    </Button>
                )}
                <Button onClick={() => ask.set({ kind: 'rights', project })}>
                    {trans.__('Check rights…')}
                </Button>
            </div>
        </section>
    );
}

function PersonLine({ row: { person, role, until } }: { row: Row }): JSX.Element {
    const trans = useTrans();
    const word = roleWord(role, trans);
    const facts = [kindWord(person, trans), until ? trans.__('%1 until %2', word, until) : word];
    return (
        <li>
            <span>{nameOf(person)}</span>
            <span className="mo-quiet">{facts.filter(Boolean).join(' · ')}</span>
        </li>
    );
}

function NotAdopted({ project, canAdopt }: { project: Project; canAdopt: boolean }): JSX.Element {
    const { ask } = useModama();
    const trans = useTrans();
    return (
        <Box kind="info">
            <p>
                {trans.__(
                    'This project was made by hand and is not adopted: what it grants is what its folder’s permissions say.'
                )}
            </p>
            {canAdopt && (
                <Button changes onClick={() => ask.set({ kind: 'adopt', project })}>
                    {trans.__('Adopt…')}
                </Button>
            )}
        </Box>
    );
}

/** What the server says in the middle of its sentences, as one. */
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

import { useState } from 'react';
import type { Project, Session } from '../api/types';
import { bytes, moment } from '../services/format';
import { amountOfData } from '../services/phrases';
import { FACTS, RULES, writtenDown } from '../services/record';
import { useAnswer, useModama, useSettled, useTrans, useValue } from './context';
import { ListTools, ShowMore } from './ListTools';
import { Members } from './Members';
import { Box, Button, Facts, Loading, ProblemBox } from './parts';
import { StateBadge } from './state';

const PAGE = 100;
/** Who may change what a project says about itself. */
const EDITORS = new Set(['owner', 'administrator']);
const MAKERS = new Set(['member', ...EDITORS]);

/** One project: whose it is, how large, and its sessions. */
export function ProjectView({ project, path_b64 }: { project: string; path_b64?: string }): JSX.Element {
    const { api, ask, places, revision } = useModama();
    const trans = useTrans();
    const turn = useValue(revision);
    const found = useAnswer(signal => api.call('project.show', { project, path_b64 }, signal), project, [
        turn
    ]);
    if (!found.answer) {
        return found.problem ? <ProblemBox problem={found.problem} again={found.again} /> : <Loading />;
    }
    return (
        <section className="mo-page" aria-label={trans.__('Project %1', found.answer.name)}>
            <ProjectFacts project={found.answer} />
            <div className="mo-toolbar">
                <Button
                    changes
                    icon="plus"
                    look="main"
                    disabled={!MAKERS.has(found.answer.role)}
                    title={
                        MAKERS.has(found.answer.role)
                            ? undefined
                            : trans.__('You can read this project; its owners can make you a member.')
                    }
                    onClick={() => ask.set({ kind: 'new-session', project, path_b64 })}
                >
                    {trans.__('New session…')}
                </Button>
                {EDITORS.has(found.answer.role) && (
                    <Button
                        changes
                        icon="pen"
                        onClick={() =>
                            found.answer && ask.set({ kind: 'edit-project', project: found.answer })
                        }
                    >
                        {trans.__('Edit…')}
                    </Button>
                )}
                <Button icon="folder" onClick={() => places.go({ view: 'folder', path: project, path_b64 })}>
                    {trans.__('Browse files')}
                </Button>
                <Button
                    icon="link"
                    onClick={() => ask.set({ kind: 'links', entry: { path: project, path_b64 } })}
                    title={trans.__('Addresses and commands to reach this project from elsewhere')}
                >
                    {trans.__('Links')}
                </Button>
            </div>
            <Members project={found.answer} canManage={EDITORS.has(found.answer.role)} />
            <Sessions project={project} path_b64={path_b64} />
        </section>
    );
}

/** How much one can still write here: what the disk and one's own quota leave. */
const roomLeft = ({ free_bytes, quota_left_bytes }: Project): number | null =>
    free_bytes === null || quota_left_bytes === null
        ? (free_bytes ?? quota_left_bytes)
        : Math.min(free_bytes, quota_left_bytes);

function ProjectFacts({ project }: { project: Project }): JSX.Element {
    const trans = useTrans();
    const size =
        project.size_bytes !== null &&
        trans.__(
            '%1 (counted %2)',
            amountOfData(project.size_bytes, project.files ?? 0, trans),
            moment(project.counted_at)
        );
    return (
        <>
            <h2>{project.name}</h2>
            {project.title && <p className="mo-subtitle">{project.title}</p>}
            {project.description && <p className="mo-description">{project.description}</p>}
            {project.warning && <Box kind="warning">{project.warning}</Box>}
            <Mismatches told={project.mismatches} />
            <Facts
                rows={[
                    [trans.__('Size'), size],
                    [trans.__('Room left'), bytes(roomLeft(project))],
                    [trans.__('Quota of the project'), bytes(project.quota_bytes)],
                    [trans.__('Last backup'), moment(project.backed_up)],
                    [trans.__('Created'), moment(project.created)],
                    [trans.__('Modified'), moment(project.modified)],
                    ...writtenDown(project, [...FACTS, ...RULES], trans)
                ]}
            />
        </>
    );
}

/** What the last nights have found wrong with sealed sessions, a sentence each. */
function Mismatches({ told }: { told: string[] }): JSX.Element | null {
    const trans = useTrans();
    if (told.length === 0) {
        return null;
    }
    return (
        <Box kind="warning">
            <p>
                {trans.__('Sealed data is not what it should be. Please verify, and ask an administrator:')}
            </p>
            <ul>
                {told.map(sentence => (
                    <li key={sentence}>{sentence}</li>
                ))}
            </ul>
        </Box>
    );
}

function Sessions({ project, path_b64 }: { project: string; path_b64?: string }): JSX.Element {
    const { api, revision } = useModama();
    const trans = useTrans();
    const [search, setSearch] = useState('');
    const [sort, setSort] = useState('-name');
    const [limit, setLimit] = useState(PAGE);
    const settled = useSettled(search);
    const { answer, problem, again } = useAnswer(
        signal => api.call('session.list', { project, path_b64, search: settled, sort, limit }, signal),
        project,
        [settled, sort, limit, useValue(revision)]
    );
    return (
        <>
            <h3>{trans.__('Sessions')}</h3>
            <ListTools
                searchLabel={trans.__('Search sessions')}
                searchHint={trans.__('Search')}
                search={search}
                onSearch={setSearch}
                sort={sort}
                onSort={setSort}
                orders={[
                    ['-name', trans.__('Z to A')],
                    ['name', trans.__('A to Z')],
                    ['-modified', trans.__('newest')]
                ]}
            />
            {problem && <ProblemBox problem={problem} again={again} />}
            {answer && (
                <ul className="mo-cards">
                    {answer.items.map(session => (
                        <SessionCard key={session.name} session={session} />
                    ))}
                </ul>
            )}
            {answer?.items.length === 0 && (
                <p className="mo-empty">
                    {settled
                        ? trans.__('No session matches this search.')
                        : trans.__(
                              'No sessions yet. A session is mostly one sitting at a microscope; its raw data can be sealed.'
                          )}
                </p>
            )}
            {answer && (
                <ShowMore
                    shown={answer.items.length}
                    total={answer.total}
                    onMore={() => setLimit(limit + PAGE)}
                />
            )}
        </>
    );
}

function SessionCard({ session }: { session: Session }): JSX.Element {
    const { places } = useModama();
    const { project, name, path_b64 } = session;
    const facts = [session.title, bytes(session.size_bytes), moment(session.modified)].filter(Boolean);
    return (
        <li>
            <button
                type="button"
                className="mo-card"
                onClick={() => places.go({ view: 'session', project, session: name, path_b64 })}
            >
                <span>
                    <strong>{name}</strong>
                    <span className="mo-quiet">{facts.join(' · ')}</span>
                </span>
                <StateBadge state={session.state} />
            </button>
        </li>
    );
}

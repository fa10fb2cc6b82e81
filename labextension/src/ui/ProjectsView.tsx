import { useState } from 'react';
import type { Project } from '../api/types';
import { amount, bytes, moment } from '../services/format';
import { isAtHub } from '../services/serverpart';
import { useAnswer, useModama, useSettled, useTrans, useValue } from './context';
import { Icon } from './icons';
import { ListTools, ShowMore } from './ListTools';
import { Button, Loading, ProblemBox } from './parts';

const PAGE = 100;

/** All projects that one can see. */
export function ProjectsView(): JSX.Element {
    const { api, ask, revision, server } = useModama();
    const trans = useTrans();
    const [search, setSearch] = useState('');
    const [sort, setSort] = useState('-modified');
    const [limit, setLimit] = useState(PAGE);
    const settled = useSettled(search);
    const { answer, problem, loading, again } = useAnswer(
        signal => api.call('project.list', { search: settled, sort, limit }, signal),
        'projects',
        [settled, sort, limit, useValue(revision)]
    );
    return (
        <section className="mo-page" aria-label={trans.__('Projects')}>
            <div className="mo-toolbar">
                <Button changes icon="plus" look="main" onClick={() => ask.set({ kind: 'new-project' })}>
                    {trans.__('New project…')}
                </Button>
                {isAtHub(useValue(server.state)) && (
                    <Button onClick={() => ask.set({ kind: 'mails' })}>{trans.__('Mails…')}</Button>
                )}
            </div>
            <ListTools
                searchLabel={trans.__('Search projects')}
                searchHint={trans.__('Search')}
                search={search}
                onSearch={setSearch}
                sort={sort}
                onSort={setSort}
                orders={[
                    ['-modified', trans.__('newest')],
                    ['name', trans.__('A to Z')],
                    ['-created', trans.__('last made')]
                ]}
            />
            {problem && <ProblemBox problem={problem} again={again} />}
            {!answer && loading && <Loading />}
            {answer && (
                <>
                    <ul className="mo-cards" aria-busy={loading}>
                        {answer.items.map(project => (
                            <ProjectCard key={project.path} project={project} />
                        ))}
                    </ul>
                    {answer.items.length === 0 && <NoProjects searched={settled !== ''} />}
                    <ShowMore
                        shown={answer.items.length}
                        total={answer.total}
                        onMore={() => setLimit(limit + PAGE)}
                    />
                </>
            )}
        </section>
    );
}

function ProjectCard({ project }: { project: Project }): JSX.Element {
    const { places } = useModama();
    const trans = useTrans();
    const { sessions, unsealed } = project;
    const facts = [
        sessions !== null && trans._n('1 session', '%1 sessions', sessions),
        unsealed !== null && unsealed > 0 && trans.__('%1 not sealed', amount(unsealed)),
        bytes(project.size_bytes),
        moment(project.modified)
    ].filter(Boolean);
    return (
        <li>
            <button
                type="button"
                className="mo-card"
                onClick={() =>
                    places.go({ view: 'project', project: project.path, path_b64: project.path_b64 })
                }
            >
                <Icon name="project" />
                <span>
                    <strong>{project.name}</strong>
                    {project.title && <span className="mo-subtitle">{project.title}</span>}
                    <span className="mo-quiet">{facts.join(' · ')}</span>
                </span>
            </button>
        </li>
    );
}

function NoProjects({ searched }: { searched: boolean }): JSX.Element {
    const trans = useTrans();
    return (
        <p className="mo-empty">
            {searched
                ? trans.__('No project matches this search.')
                : trans.__(
                      'There are no projects yet. A project is a folder that you share with the people you work with.'
                  )}
        </p>
    );
}

import { useEffect, useState } from 'react';
import type { Project, ProjectSize, SiteOverview, Wanted } from '../api/types';
import { amount, bytes, moment } from '../services/format';
import { nameOf } from '../services/members';
import { useAnswer, useModama, useSettled, useTrans, useValue } from '../ui/context';
import { Button, Choice, Loading, ProblemBox, Search } from '../ui/parts';
import { useSubmit } from '../ui/useSubmit';
import { csv, download } from './csv';
import type { PageSite } from './site';
import { encoded } from './urls';

export type Only = 'all' | 'gone' | 'unsealed' | 'quiet' | 'requests';

const PAGE = 100;
const AT_ONCE = 1000;

/** All projects with their sizes, a page at a time. */
export function ProjectTable(props: { site: PageSite; only: Only; onOnly(only: Only): void }): JSX.Element {
    const { site, only, onOnly } = props;
    const { api, revision } = useModama();
    const trans = useTrans();
    const [search, setSearch] = useState('');
    const [sort, setSort] = useState('-size');
    const [start, setStart] = useState(0);
    const settled = useSettled(search);
    useEffect(() => setStart(0), [settled, sort, only]);
    const { answer, problem, loading, again } = useAnswer(
        signal =>
            api.call(
                'site.overview',
                { search: settled, only, sort, limit: PAGE, cursor: start ? String(start) : '' },
                signal
            ),
        '',
        [settled, sort, start, only, useValue(revision)]
    );
    const file = useSubmit(async () => {
        const rows = await allProjects(wanted => api.call('site.overview', wanted));
        download(`${site.name}-${new Date().toISOString().slice(0, 10)}.csv`, asCsv(rows));
    });
    const by = (name: string, label: string, number = true) => (
        <th
            scope="col"
            className={number ? 'mp-number' : undefined}
            aria-sort={sort === name ? 'ascending' : sort === `-${name}` ? 'descending' : undefined}
        >
            <button
                type="button"
                className="mp-sort"
                onClick={() => setSort(sort === `-${name}` || (!number && sort !== name) ? name : `-${name}`)}
            >
                {label}
                {sort === name ? ' ↑' : sort === `-${name}` ? ' ↓' : ''}
            </button>
        </th>
    );
    return (
        <section aria-label={trans.__('Projects')}>
            <h2>{trans.__('Projects')}</h2>
            <div className="mo-toolbar">
                <Search
                    value={search}
                    onChange={setSearch}
                    label={trans.__('Search by project or owner')}
                    hint={trans.__('Search')}
                />
                <Choice<Only>
                    compact
                    label={trans.__('Show')}
                    value={only}
                    onChange={onOnly}
                    options={[
                        ['all', trans.__('all')],
                        ['gone', trans.__('owner is gone')],
                        ['requests', trans.__('with requests')],
                        ['quiet', trans.__('with quiet sessions')],
                        ['unsealed', trans.__('with sessions not sealed')]
                    ]}
                />
                <Button onClick={file.run} disabled={file.busy}>
                    {trans.__('Download CSV')}
                </Button>
            </div>
            {file.problem && <ProblemBox problem={file.problem} />}
            {problem && <ProblemBox problem={problem} again={again} />}
            {!answer && loading && <Loading />}
            {answer && (
                <>
                    <table className="mp-table mp-projects" aria-busy={loading}>
                        <thead>
                            <tr>
                                {by('project', trans.__('Project'), false)}
                                <th scope="col">{trans.__('Owners')}</th>
                                {by('size', trans.__('Size'))}
                                {by('growth', trans.__('Growth'))}
                                {by('files', trans.__('Files'))}
                                {by('sessions', trans.__('Sessions'))}
                                {by('unsealed', trans.__('Not sealed'))}
                                {by('quiet', trans.__('Quiet'))}
                                {by('requests', trans.__('Requests'))}
                            </tr>
                        </thead>
                        <tbody>
                            {answer.items.map(row => (
                                <Row key={row.path_b64 || row.project} row={row} base={site.base} />
                            ))}
                        </tbody>
                    </table>
                    {answer.total === 0 && <p className="mo-empty">{trans.__('No project is like that.')}</p>}
                    <Pages answer={answer} start={start} turnTo={setStart} />
                </>
            )}
        </section>
    );
}

function Row({ row, base }: { row: ProjectSize; base: string }): JSX.Element {
    const { ask } = useModama();
    const trans = useTrans();
    const { project: path, path_b64, owners } = row;
    // The dialog needs no more of a project than this; an administrator need not be a member.
    const project = { path, path_b64, name: path.split('/').pop(), owners } as Project;
    const growth = row.grown_bytes;
    const cells: [string, string, string?][] = [
        [trans.__('Size'), bytes(row.size_bytes), trans.__('counted %1', moment(row.counted_at))],
        [
            trans.__('Growth'),
            growth === null ? '' : `${growth < 0 ? '−' : '+'}${bytes(Math.abs(growth))}`,
            growth === null ? undefined : trans._n('in %1 day', 'in %1 days', row.grown_days)
        ],
        [trans.__('Files'), amount(row.files)],
        [trans.__('Sessions'), amount(row.sessions)],
        [trans.__('Not sealed'), amount(row.unsealed)],
        [trans.__('Quiet'), amount(row.quiet)],
        [trans.__('Requests'), amount(row.requests)]
    ];
    return (
        <tr data-project={path}>
            <th scope="row" className="mp-project">
                <a href={`${base}manage/project/${encoded({ path, path_b64 })}`}>{path}</a>
            </th>
            <td className="mp-owners">
                {owners.map(owner => nameOf(owner)).join(', ')}
                {row.owners_gone > 0 && (
                    <>
                        {' '}
                        <span className="mp-gone">{trans.__('gone')}</span>{' '}
                        <Button changes onClick={() => ask.set({ kind: 'transfer', project })}>
                            {trans.__('Transfer…')}
                        </Button>
                    </>
                )}
            </td>
            {cells.map(([name, value, title]) => (
                <td key={name} className="mp-number" title={title} data-label={name}>
                    {value}
                </td>
            ))}
        </tr>
    );
}

function Pages(props: {
    answer: SiteOverview;
    start: number;
    turnTo(start: number): void;
}): JSX.Element | null {
    const { answer, start, turnTo } = props;
    const trans = useTrans();
    if (answer.total <= PAGE) {
        return null;
    }
    const end = Math.min(answer.total, start + answer.items.length);
    return (
        <nav className="mp-pages" aria-label={trans.__('Pages of this table')}>
            <Button disabled={start === 0} onClick={() => turnTo(Math.max(0, start - PAGE))}>
                {trans.__('Previous')}
            </Button>
            <span role="status">
                {trans.__('%1 to %2 of %3', amount(start + 1), amount(end), amount(answer.total))}
            </span>
            <Button disabled={!answer.cursor} onClick={() => turnTo(end)}>
                {trans.__('Next')}
            </Button>
        </nav>
    );
}

/** Every project of the site, by name. */
export async function allProjects(
    page: (wanted: Wanted<'site.overview'>) => Promise<SiteOverview>
): Promise<ProjectSize[]> {
    const rows: ProjectSize[] = [];
    let cursor = '';
    do {
        const answer = await page({ sort: 'project', limit: AT_ONCE, cursor });
        rows.push(...answer.items);
        cursor = answer.cursor;
    } while (cursor);
    return rows;
}

/** The table for a table program: sizes in bytes, times as the service has them. */
export function asCsv(rows: readonly ProjectSize[]): string {
    const head = [
        ...['project', 'owners', 'owners_gone', 'size_bytes', 'files', 'counted_at'],
        ...['grown_bytes', 'grown_days', 'sessions', 'unsealed', 'quiet', 'requests']
    ];
    return csv([
        head,
        ...rows.map(row => [
            row.project,
            row.owners.map(owner => owner.login).join(' '),
            row.owners_gone,
            row.size_bytes,
            row.files,
            row.counted_at,
            row.grown_bytes,
            row.grown_days,
            row.sessions,
            row.unsealed,
            row.quiet,
            row.requests
        ])
    ]);
}

import { useState } from 'react';
import type { SiteOverview } from '../api/types';
import { amount, bytes, moment } from '../services/format';
import { useAnswer, useModama, useTrans, useValue } from '../ui/context';
import { Box, Button, Loading, ProblemBox } from '../ui/parts';
import { useSubmit } from '../ui/useSubmit';
import { Attention } from './Attention';
import { ProjectTable, type Only } from './ProjectTable';
import type { PageSite } from './site';

/** What an administrator looks after: how large the site is, what wants a look, all projects. */
export function Administration({ site }: { site: PageSite }): JSX.Element {
    const { api, revision } = useModama();
    const trans = useTrans();
    const [only, setOnly] = useState<Only>('all');
    const { answer, problem, again } = useAnswer(
        signal => api.call('site.overview', { limit: 1 }, signal),
        '',
        [useValue(revision)]
    );
    return (
        <div className="mp-administration">
            <h1>{trans.__('Administration of %1', site.name)}</h1>
            {problem && <ProblemBox problem={problem} again={again} />}
            {!answer && !problem && <Loading />}
            {answer && (
                <>
                    <Totals answer={answer} />
                    <Counting answer={answer} />
                    <Attention site={site} overview={answer} onGone={() => setOnly('gone')} />
                    <ProjectTable site={site} only={only} onOnly={setOnly} />
                </>
            )}
        </div>
    );
}

/** The numbers of the site, each with a word. */
function Totals({ answer }: { answer: SiteOverview }): JSX.Element {
    const trans = useTrans();
    const { disk, totals } = answer;
    const rows: [string, string, string][] = [
        [
            trans.__('Disk'),
            disk.free_bytes < 0 ? trans.__('unknown') : trans.__('%1 free', bytes(disk.free_bytes)),
            [
                disk.total_bytes < 0 ? '' : trans.__('of %1', bytes(disk.total_bytes)),
                disk.free_files < 0 ? '' : trans.__('room for %1 files', amount(disk.free_files))
            ]
                .filter(Boolean)
                .join(', ')
        ],
        [trans.__('Full in'), ...full(answer, trans)],
        [trans.__('Data'), bytes(totals.size_bytes), trans._n('%1 file', '%1 files', totals.files)],
        [
            trans.__('Projects'),
            amount(totals.projects),
            trans._n('%1 session', '%1 sessions', totals.sessions)
        ],
        [
            trans.__('Not sealed'),
            amount(totals.unsealed),
            totals.quiet > 0 ? trans.__('%1 of them quiet', amount(totals.quiet)) : ''
        ]
    ];
    return (
        <dl className="mp-totals">
            {rows.map(([name, value, more]) => (
                <div key={name}>
                    <dt>{name}</dt>
                    <dd>
                        <strong>{value}</strong>
                        <span className="mo-quiet">{more}</span>
                    </dd>
                </div>
            ))}
        </dl>
    );
}

function full({ disk }: SiteOverview, trans: ReturnType<typeof useTrans>): [string, string] {
    const growth = disk.growth_a_day ?? null;
    if (growth === null) {
        return [trans.__('not known yet'), trans.__('after two nights it is')];
    }
    if (disk.days_until_full === null || disk.days_until_full === undefined) {
        return [trans.__('not in sight'), trans.__('the disk does not fill now')];
    }
    return [
        trans._n('%1 day', '%1 days', disk.days_until_full),
        trans.__('at %1 a day, as in the last month', bytes(growth))
    ];
}

/** How old the numbers are, and counting them anew. */
function Counting({ answer }: { answer: SiteOverview }): JSX.Element {
    const { api, jobs } = useModama();
    const trans = useTrans();
    const submit = useSubmit(async () => {
        jobs.follow((await api.call('site.count', {})).job);
    });
    return (
        <>
            {answer.counted_at ? (
                <p className="mo-quiet">
                    {trans.__('Counted every night; the oldest number is of %1.', moment(answer.counted_at))}{' '}
                    <Button changes icon="refresh" disabled={submit.busy} onClick={submit.run}>
                        {trans.__('Count now')}
                    </Button>
                </p>
            ) : (
                <Box kind="info">
                    <p>{trans.__('Nothing has been counted yet. It is done every night.')}</p>
                    <Button changes icon="refresh" disabled={submit.busy} onClick={submit.run}>
                        {trans.__('Count now')}
                    </Button>
                </Box>
            )}
            {submit.problem && <ProblemBox problem={submit.problem} />}
        </>
    );
}

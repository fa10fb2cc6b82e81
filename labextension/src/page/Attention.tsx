import type { Session, SiteOverview, UnsealRequest } from '../api/types';
import { amount, bytes, moment } from '../services/format';
import { nameOf } from '../services/members';
import { useAnswer, useModama, useTrans, useValue } from '../ui/context';
import { Box, Button, ProblemBox } from '../ui/parts';
import type { PageSite } from './site';
import { encoded } from './urls';

interface Props {
    site: PageSite;
    overview: SiteOverview;
    onGone(): void;
}

/** What an administrator is to decide or to ask about, before everything else. */
export function Attention({ site, overview, onGone }: Props): JSX.Element {
    const { api, revision } = useModama();
    const trans = useTrans();
    const { answer, problem, again } = useAnswer(signal => api.call('session.requests', {}, signal), '', [
        useValue(revision)
    ]);
    const requests = answer?.items ?? [];
    const { gone } = overview.totals;
    const nothing = answer && requests.length === 0 && gone === 0 && overview.quiet.length === 0;
    return (
        <section className="mp-attention" aria-label={trans.__('What wants a look')}>
            <h2>{trans.__('What wants a look')}</h2>
            {problem && <ProblemBox problem={problem} again={again} />}
            {nothing && <Box kind="success">{trans.__('Nothing does.')}</Box>}
            {requests.map(asked => (
                <Request key={`${asked.project}/${asked.session}`} asked={asked} />
            ))}
            {gone > 0 && (
                <Box kind="warning">
                    <p>
                        {trans._n(
                            'An owner of %1 project has no account any more.',
                            'Owners of %1 projects have no account any more.',
                            gone
                        )}
                    </p>
                    <Button onClick={onGone}>{trans.__('Show them')}</Button>
                </Box>
            )}
            <Quiet site={site} overview={overview} />
        </section>
    );
}

/** Somebody asks to have a session unsealed. */
function Request({ asked }: { asked: UnsealRequest }): JSX.Element {
    const { ask } = useModama();
    const trans = useTrans();
    const { project, session, path_b64 } = asked;
    return (
        <Box kind="info">
            <p>
                {trans.__(
                    '%1 asks to have “%2” unsealed (%3):',
                    nameOf(asked.by),
                    `${project}/${session}`,
                    moment(asked.at)
                )}{' '}
                {asked.reason}
            </p>
            <div className="mp-buttons">
                <Button
                    changes
                    look="danger"
                    // The dialog needs no more of a session than its name.
                    onClick={() =>
                        ask.set({ kind: 'unseal', session: { project, name: session, path_b64 } as Session })
                    }
                >
                    {trans.__('Unseal…')}
                </Button>
                <Button changes onClick={() => ask.set({ kind: 'decline-unseal', request: asked })}>
                    {trans.__('Decline…')}
                </Button>
            </div>
        </Box>
    );
}

/** The sessions that nobody has sealed and nobody changes. */
function Quiet({ site, overview }: { site: PageSite; overview: SiteOverview }): JSX.Element | null {
    const trans = useTrans();
    const { quiet, totals, quiet_days: days } = overview;
    if (quiet.length === 0) {
        return null;
    }
    return (
        <details className="mp-more">
            <summary>
                {trans._n(
                    '%1 session is not sealed, and nothing in it has changed for %2 days or longer',
                    '%1 sessions are not sealed, and nothing in them has changed for %2 days or longer',
                    totals.quiet,
                    days
                )}
            </summary>
            <table className="mp-table">
                <thead>
                    <tr>
                        <th scope="col">{trans.__('Session')}</th>
                        <th scope="col">{trans.__('Unchanged since')}</th>
                        <th scope="col" className="mp-number">
                            {trans.__('Size')}
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {quiet.map(row => {
                        const path = `${row.project}/${row.session}`;
                        return (
                            <tr key={row.path_b64 || path}>
                                <th scope="row">
                                    <a
                                        href={`${site.base}manage/session/${encoded({ path, path_b64: row.path_b64 })}`}
                                    >
                                        {path}
                                    </a>
                                </th>
                                <td className="mp-time">{moment(row.since)}</td>
                                <td className="mp-number">{bytes(row.size_bytes)}</td>
                            </tr>
                        );
                    })}
                </tbody>
            </table>
            {totals.quiet > quiet.length && (
                <p className="mo-quiet">
                    {trans.__('The %1 that are quiet longest are shown.', amount(quiet.length))}
                </p>
            )}
        </details>
    );
}

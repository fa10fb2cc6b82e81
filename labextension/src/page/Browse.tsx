import { useEffect, useState } from 'react';
import { at, type Located } from '../api/client';
import type { EntryDetails } from '../api/types';
import { moment } from '../services/format';
import { partOf } from '../services/part';
import { useAnswer, useModama, useTrans, useValue } from '../ui/context';
import { FileView } from '../ui/FileView';
import { Icon } from '../ui/icons';
import { Box, Facts, Loading, ProblemBox } from '../ui/parts';
import { StateBadge } from '../ui/state';
import { AccessPanel } from './AccessPanel';
import { BrowseTable } from './BrowseTable';
import type { PageSite } from './site';
import { encoded, located } from './urls';

/** Any file or folder at its own address: what it is, how to get at it, and what is in it. */
export function Browse({ site }: { site: PageSite }): JSX.Element {
    const base = new URL(`${site.base}browse/`, window.location.href).href;
    const [here, setHere] = useState<Located>(() => ({
        path: site.path,
        ...(site.path_b64 ? { path_b64: site.path_b64 } : {})
    }));
    useEffect(() => {
        const back = () => setHere(located(window.location.href, base));
        window.addEventListener('popstate', back);
        return () => window.removeEventListener('popstate', back);
    }, [base]);
    useEffect(() => {
        document.title = `${here.path.split('/').pop() || site.name} – ${site.name}`;
    }, [here.path, site.name]);
    const go = (to: Located) => {
        window.history.pushState(null, '', base + encoded(to));
        setHere(to);
        window.scrollTo(0, 0);
    };
    return (
        <div className="mp-browse">
            <Way here={here} base={base} top={site.name} go={go} />
            {here.path === '' ? (
                <Areas base={base} go={go} />
            ) : (
                <Shown key={here.path_b64 ?? here.path} here={here} base={base} go={go} />
            )}
        </div>
    );
}

interface Walking {
    here: Located;
    base: string;
    go(to: Located): void;
}

function Shown({ here, base, go }: Walking): JSX.Element {
    const { api } = useModama();
    const { answer, problem, again } = useAnswer(
        signal => api.call('entry.show', at(here), signal),
        here.path
    );
    if (problem && !answer) {
        return <ProblemBox problem={problem} again={again} />;
    }
    if (!answer) {
        return <Loading />;
    }
    const isFolder = answer.entry.kind === 'folder';
    return (
        <div className="mp-columns">
            <section className="mp-main" aria-label={answer.entry.name || here.path}>
                <Head details={answer} />
                {isFolder ? (
                    <BrowseTable folder={here} base={base} go={go} />
                ) : (
                    <FileView entry={answer.entry} wide />
                )}
            </section>
            <AccessPanel entry={here} />
        </div>
    );
}

/** The top: the areas, of which everybody may know. */
function Areas({ base, go }: Omit<Walking, 'here'>): JSX.Element {
    const { server } = useModama();
    const trans = useTrans();
    const state = useValue(server.state);
    const areas = state.kind === 'ready' ? state.status.areas : [];
    return (
        <section className="mp-main" aria-label={trans.__('Areas')}>
            <h1>{trans.__('All data')}</h1>
            <ul className="mp-areas">
                {areas.map(name => (
                    <li key={name}>
                        <Icon name="folder" /> <PathLink to={{ path: name }} {...{ base, go }} />
                    </li>
                ))}
            </ul>
        </section>
    );
}

/** A link to a path's page, which a plain click follows without loading the page anew. */
function PathLink({
    to,
    base,
    go,
    name = to.path
}: Omit<Walking, 'here'> & { to: Located; name?: string }): JSX.Element {
    return (
        <a
            href={base + encoded(to)}
            onClick={event => {
                if (isPlain(event)) {
                    event.preventDefault();
                    go(to);
                }
            }}
        >
            {name}
        </a>
    );
}

function Head({ details }: { details: EntryDetails }): JSX.Element {
    const trans = useTrans();
    const { entry, session, session_state, in_raw } = details;
    const isFolder = entry.kind === 'folder'; // a file says this below, beside its picture
    return (
        <div className="mp-head">
            <h1>{entry.name}</h1>
            {session_state && (
                <p>
                    {trans.__('Session %1:', session)} <StateBadge state={session_state} />
                </p>
            )}
            {session_state === 'writable' && in_raw && (
                <Box kind="info">
                    {trans.__('This session is not sealed: what you see here may still change.')}
                </Box>
            )}
            <Facts
                rows={[
                    [trans.__('Modified'), isFolder && moment(entry.modified)],
                    [trans.__('Owner'), isFolder && (details.owner?.display || entry.owner)],
                    ['SHA-256', details.sha256 && <code className="mp-sum">{details.sha256}</code>]
                ]}
            />
        </div>
    );
}

/** The way from the top to here, as links. */
function Way({ here, base, top, go }: Walking & { top: string }): JSX.Element {
    const trans = useTrans();
    const names = here.path ? here.path.split('/') : [];
    const steps: [string, Located][] = [
        [top, { path: '' }],
        ...names.map((name, index): [string, Located] => [name, partOf(here, index + 1)])
    ];
    return (
        <nav className="mp-way" aria-label={trans.__('You are here')}>
            <ol>
                {steps.map(([name, to], index) => (
                    <li key={`${index} ${name}`}>
                        {index < steps.length - 1 ? (
                            <PathLink {...{ to, base, go, name }} />
                        ) : (
                            <span aria-current="page">{name}</span>
                        )}
                    </li>
                ))}
            </ol>
        </nav>
    );
}

/** A click that is not meant to open another tab or window. */
export function isPlain(event: React.MouseEvent): boolean {
    return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
}

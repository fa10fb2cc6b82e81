import { useEffect, type ReactNode } from 'react';
import { unreachable } from '../api/problem';
import type { Status } from '../api/types';
import type { Modama } from '../services/modama';
import { writing } from '../services/format';
import type { ServerState } from '../services/serverpart';
import { ModamaProvider, useModama, useTrans, useValue } from './context';
import { Crumbs } from './Crumbs';
import { Dialogs } from './Dialogs';
import { UploadsBox } from './files/UploadsBox';
import { FolderView } from './FolderView';
import { Box, Button, Loading, ProblemBox } from './parts';
import { ProjectsView } from './ProjectsView';
import { ProjectView } from './ProjectView';
import { MissingBanner, ServiceBanner } from './ServiceBanner';
import { SessionView } from './SessionView';
import { useSubmit } from './useSubmit';

/** The whole panel, the same in JupyterLab and on a plain page. */
export function App({ modama }: { modama: Modama }): JSX.Element {
    useEffect(() => {
        if (modama.server.state.get().kind !== 'ready') {
            void modama.start();
        }
    }, [modama]);
    useValue(writing);
    return (
        <ModamaProvider value={modama}>
            <div className="mo-root">
                <Guard>
                    <Crumbs />
                    <Here />
                    <UploadsBox />
                    <Dialogs />
                </Guard>
            </div>
        </ModamaProvider>
    );
}

function Here(): JSX.Element {
    const place = useValue(useModama().places.current);
    switch (place.view) {
        case 'projects':
            return <ProjectsView />;
        case 'project':
            return <ProjectView project={place.project} path_b64={place.path_b64} />;
        case 'session':
            return <SessionView project={place.project} session={place.session} path_b64={place.path_b64} />;
        case 'folder':
            return (
                <FolderView folder={{ path: place.path, path_b64: place.path_b64 }} select={place.select} />
            );
    }
}

/** Shows the panel once the server's half is there, and says what to do while it is not. */
function Guard({ children }: { children: ReactNode }): JSX.Element {
    const modama = useModama();
    const state = useValue(modama.server.state);
    if (state.kind !== 'ready') {
        return <NotReady state={state} again={() => void modama.start()} />;
    }
    return (
        <>
            {state.otherBuild && <OtherBuild again={() => void modama.start()} />}
            <ServiceBanner />
            <MissingBanner missing={state.status.missing ?? []} />
            {state.status.mode === 'no-tree' ? <NoTree status={state.status} /> : children}
        </>
    );
}

/** Most of it works all the same; what does not would look like a mistake of the person who uses it. */
function OtherBuild({ again }: { again(): void }): JSX.Element {
    const trans = useTrans();
    return (
        <Box kind="warning">
            <p>
                {trans.__(
                    'This page and the server part of MODAMA have the same version, but were not built together: one of them was updated while the other was running. Reload this page; if that does not help, restart the server. Until then some things may not work.'
                )}
            </p>
            <Button icon="refresh" onClick={again}>
                {trans.__('Look again')}
            </Button>
        </Box>
    );
}

/** Nothing is set up yet: says what this is, and offers to begin with a folder of one's own. */
function NoTree({ status }: { status: Status }): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    const make = useSubmit(async () => {
        await modama.api.makeRoot();
        await modama.start();
    });
    return (
        <div className="mo-page">
            {status.problem && <Box kind="warning">{status.problem}</Box>}
            <p>
                {trans.__(
                    'Here you will find projects and their measurements. This server does not know yet where the data lies: an administrator names the place in a site file (MODAMA_SITE) or a folder (MODAMA_ROOT).'
                )}
            </p>
            <p>{trans.__('To try it, or on your own computer, begin with a folder of your own:')}</p>
            <Button icon="plus" look="main" disabled={make.busy} onClick={make.run}>
                {trans.__('Make %1', status.suggested_root)}
            </Button>
            {make.problem && <ProblemBox problem={make.problem} />}
        </div>
    );
}

const COMMANDS = 'pip install --upgrade jupyter-modama\njupyter server extension enable jupyter_modama';

export function NotReady({
    state,
    again
}: {
    state: Exclude<ServerState, { kind: 'ready' }>;
    again(): void;
}): JSX.Element {
    const trans = useTrans();
    if (state.kind === 'checking') {
        return <Loading />;
    }
    if (state.kind === 'down') {
        return <ProblemBox problem={unreachable(state.detail)} again={again} />;
    }
    return (
        <div className="mo-page">
            <Box kind="warning">
                {state.kind === 'missing' ? (
                    <p>
                        {trans.__(
                            'The server part of MODAMA does not run in this Jupyter server. Install it there, switch it on, and restart the server:'
                        )}
                    </p>
                ) : (
                    <p>
                        {trans.__(
                            'The server part of MODAMA is version %1, but this panel is version %2. Bring both to the same version, restart the server and reload this page:',
                            state.found,
                            state.wanted
                        )}
                    </p>
                )}
                <pre>{COMMANDS}</pre>
                <Button icon="refresh" onClick={again}>
                    {trans.__('Retry')}
                </Button>
            </Box>
        </div>
    );
}

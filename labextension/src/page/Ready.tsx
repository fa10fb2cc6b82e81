import { useEffect, type ReactNode } from 'react';
import { unreachable } from '../api/problem';
import type { Modama } from '../services/modama';
import { ModamaProvider, useValue } from '../ui/context';
import { Dialogs } from '../ui/Dialogs';
import { Box, Loading, ProblemBox } from '../ui/parts';
import { trans } from './words';

/** What needs the service, once it is there. */
export function Ready({ modama, children }: { modama: Modama; children: ReactNode }): JSX.Element {
    const state = useValue(modama.server.state);
    useEffect(() => void modama.start(), [modama]);
    if (state.kind === 'ready') {
        return (
            <ModamaProvider value={modama}>
                {children}
                <Dialogs />
            </ModamaProvider>
        );
    }
    return (
        <ModamaProvider value={modama}>
            {state.kind === 'checking' && <Loading />}
            {state.kind === 'down' && (
                <ProblemBox problem={unreachable(state.detail)} again={() => void modama.start()} />
            )}
            {(state.kind === 'other-version' || state.kind === 'missing') && (
                <Box kind="warning">
                    {trans.__('The service was updated while this page was open. Reload the page.')}
                </Box>
            )}
        </ModamaProvider>
    );
}

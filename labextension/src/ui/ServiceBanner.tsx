import type { ServiceStatus } from '../api/types';
import { takesChanges } from '../services/upstream';
import { useModama, useTrans, useValue } from './context';
import type { Translation } from './host';
import { Box, Button } from './parts';
import { useSubmit } from './useSubmit';

/** What does not work while the service is away, and what does. */
export function ServiceBanner(): JSX.Element | null {
    const { upstream } = useModama();
    const trans = useTrans();
    const status = useValue(upstream.state);
    const again = useSubmit(upstream.again);
    if (takesChanges(status)) {
        return null;
    }
    return (
        <Box kind="warning">
            <p>{headline(status, trans)}</p>
            <p>
                {trans.__(
                    'Until then nothing can be created, changed or sealed here. Browsing, previews, LiberTEM and notebooks work.'
                )}
            </p>
            {status.says && <p className="mo-quiet">{sentence(status.says)}</p>}
            <Button icon="refresh" disabled={again.busy} onClick={again.run}>
                {trans.__('Look again')}
            </Button>
        </Box>
    );
}

function headline({ state }: ServiceStatus, trans: Translation): string {
    switch (state) {
        case 'other-version':
            return trans.__('The service of this site and this server are of different versions.');
        case 'refused':
            return trans.__('The service of this site does not let this server in.');
        default:
            return trans.__(
                'The service of this site does not answer at the moment; it is tried again by itself.'
            );
    }
}

/** What should be mounted in this server, and is not. */
export function MissingBanner({ missing }: { missing: string[] }): JSX.Element | null {
    const trans = useTrans();
    if (missing.length === 0) {
        return null;
    }
    return (
        <Box kind="warning">
            <p>{trans.__('Not everything is mounted in this server. Restarting it may help:')}</p>
            <ul>
                {missing.map(said => (
                    <li key={said}>{said}</li>
                ))}
            </ul>
        </Box>
    );
}

/** What the server says, as a sentence of its own. */
function sentence(said: string): string {
    const whole = said.charAt(0).toLocaleUpperCase() + said.slice(1);
    return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

import { useState } from 'react';
import type { Session, UnsealRequest } from '../api/types';
import { moment } from '../services/format';
import { nameOf } from '../services/members';
import { useModama, useTrans } from './context';
import { Modal } from './Modal';
import { Box, Button, Field, ProblemBox } from './parts';
import { useSubmit } from './useSubmit';

const CLOSED = new Set(['sealed', 'sealed-bare', 'partial']);
const ASKING = new Set(['member', 'owner']);

/** Whether somebody may ask for what only administrators may do. */
export const mayAsk = ({ state, role, actions }: Session): boolean =>
    CLOSED.has(state) && ASKING.has(role) && !actions.includes('unseal');

/** Ask the administrators to unseal a session. */
export function RequestUnsealDialog({ session }: { session: Session }): JSX.Element {
    const modama = useModama();
    const { api, ask, host } = modama;
    const trans = useTrans();
    const [reason, setReason] = useState('');
    const submit = useSubmit(async () => {
        const { project, name, path_b64 } = session;
        await api.call('session.request_unseal', {
            project,
            session: name,
            path_b64: path_b64 || undefined,
            reason
        });
        ask.set(undefined);
        modama.changed();
        host.notify({
            kind: 'success',
            text: trans.__('The administrators see your request for “%1”.', name)
        });
    });
    return (
        <Modal
            title={trans.__('Request to unseal “%1”', session.name)}
            action={trans.__('Send request')}
            disabled={reason.trim() === '' || submit.busy}
            onAction={submit.run}
        >
            <p>
                {trans.__(
                    'Only administrators can unseal. They see your name and your reason; until they decide, nothing changes. A new request takes the place of an older one.'
                )}
            </p>
            <Field focus required area label={trans.__('Reason')} value={reason} onChange={setReason} />
            {submit.problem && <ProblemBox problem={submit.problem} />}
        </Modal>
    );
}

/** Say no to a request, and why. */
export function DeclineUnsealDialog({ request }: { request: UnsealRequest }): JSX.Element {
    const modama = useModama();
    const { api, ask } = modama;
    const trans = useTrans();
    const [reason, setReason] = useState('');
    const submit = useSubmit(async () => {
        const { project, session, path_b64 } = request;
        await api.call('session.decline_unseal', {
            project,
            session,
            path_b64: path_b64 || undefined,
            reason
        });
        ask.set(undefined);
        modama.changed();
    });
    return (
        <Modal
            title={trans.__('Decline to unseal “%1”', request.session)}
            action={trans.__('Decline')}
            disabled={reason.trim() === '' || submit.busy}
            onAction={submit.run}
        >
            <Asked request={request} />
            <p>
                {trans.__(
                    'The session stays sealed. The members of the project see your name and your reason.'
                )}
            </p>
            <Field focus required area label={trans.__('Reason')} value={reason} onChange={setReason} />
            {submit.problem && <ProblemBox problem={submit.problem} />}
        </Modal>
    );
}

/** To members and administrators: who asks to have this session unsealed, why, and the answer if there is one. */
export function UnsealRequestBox({ session }: { session: Session }): JSX.Element | null {
    const { ask } = useModama();
    const trans = useTrans();
    const { request, actions } = session;
    if (!request) {
        return null;
    }
    return (
        <Box kind="info">
            <Asked request={request} />
            {request.declined_by ? (
                <p>
                    {trans.__('%1 declined (%2):', nameOf(request.declined_by), moment(request.declined_at))}{' '}
                    {request.declined_because}
                </p>
            ) : (
                actions.includes('unseal') && (
                    <Button onClick={() => ask.set({ kind: 'decline-unseal', request })}>
                        {trans.__('Decline…')}
                    </Button>
                )
            )}
        </Box>
    );
}

/** Who asks for an unseal, when and why. */
export function Asked({ request }: { request: UnsealRequest }): JSX.Element {
    const trans = useTrans();
    return (
        <p>
            {trans.__('%1 asks to have this unsealed (%2):', nameOf(request.by), moment(request.at))}{' '}
            {request.reason}
        </p>
    );
}

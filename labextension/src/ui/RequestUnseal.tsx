import { useState } from 'react';
import type { Session } from '../api/types';
import { moment } from '../services/format';
import { nameOf } from '../services/members';
import { useAnswer, useModama, useTrans, useValue } from './context';
import { Modal } from './Modal';
import { Box, Field, ProblemBox } from './parts';
import { useSubmit } from './useSubmit';

const CLOSED = new Set(['sealed', 'sealed-bare', 'partial']);
const ASKING = new Set(['member', 'owner']);

/** Whether somebody may ask for what only administrators may do. */
export const mayAsk = ({ state, role, actions }: Session): boolean =>
    CLOSED.has(state) && ASKING.has(role) && !actions.includes('unseal');

/** Ask the administrators to unseal a session. */
export function RequestUnsealDialog({ session }: { session: Session }): JSX.Element {
    const { api, ask, host } = useModama();
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

/** To administrators: who asks to have this session unsealed, and why. */
export function UnsealRequests({ session }: { session: Session }): JSX.Element | null {
    const { api, revision } = useModama();
    const trans = useTrans();
    const { project, name, state, path } = session;
    const area = project.split('/')[0];
    const { answer, problem, again } = useAnswer(
        signal => api.call('session.requests', { area }, signal),
        path,
        [useValue(revision), state]
    );
    if (problem) {
        return <ProblemBox problem={problem} again={again} />;
    }
    const mine = (answer?.items ?? []).filter(asked => asked.project === project && asked.session === name);
    return (
        <>
            {mine.map(asked => (
                <Box key={asked.at} kind="info">
                    <p>
                        {trans.__('%1 asks to have this unsealed (%2):', nameOf(asked.by), moment(asked.at))}{' '}
                        {asked.reason}
                    </p>
                </Box>
            ))}
        </>
    );
}

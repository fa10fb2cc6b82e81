import { useState } from 'react';
import type { Session } from '../api/types';
import { useModama, useTrans } from './context';
import { Modal } from './Modal';
import { Box, Field, ProblemBox } from './parts';
import { Asked } from './RequestUnseal';
import { useSubmit } from './useSubmit';

export function UnsealDialog({ session }: { session: Session }): JSX.Element {
    const modama = useModama();
    const { api, ask, jobs } = modama;
    const trans = useTrans();
    const [reason, setReason] = useState('');
    const submit = useSubmit(async () => {
        const { project, name, path_b64 } = session;
        jobs.follow((await api.call('session.unseal', { project, session: name, path_b64, reason })).job);
        ask.set(undefined);
        modama.changed();
    });
    return (
        <Modal
            title={trans.__('Unseal session “%1”', session.name)}
            action={trans.__('Unseal')}
            look="danger"
            disabled={reason.trim() === '' || submit.busy}
            onAction={submit.run}
        >
            <p>
                {trans.__(
                    'The raw data becomes changeable again. The checksums are kept, so what is changed can be told later, but nothing prevents it.'
                )}
            </p>
            {session.request && !session.request.declined_by && (
                <Box kind="info">
                    <Asked request={session.request} />
                </Box>
            )}
            <Field
                focus
                required
                area
                label={trans.__('Reason')}
                value={reason}
                onChange={setReason}
                help={trans.__('It is kept in the audit, with your name.')}
            />
            {submit.problem && <ProblemBox problem={submit.problem} />}
        </Modal>
    );
}

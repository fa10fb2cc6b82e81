import { useState } from 'react';
import type { UnsealRequest } from '../api/types';
import { nameOf } from '../services/members';
import { useModama, useTrans } from './context';
import { Modal } from './Modal';
import { Field, ProblemBox } from './parts';
import { useSubmit } from './useSubmit';

/** Say no to somebody who asks for an unseal. */
export function DeclineDialog({ asked }: { asked: UnsealRequest }): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    const [reason, setReason] = useState('');
    const { project, session, path_b64 } = asked;
    const submit = useSubmit(async () => {
        await modama.api.call('session.decline_unseal', { project, session, path_b64, reason });
        modama.ask.set(undefined);
        modama.changed();
    });
    return (
        <Modal
            title={trans.__('Decline unsealing “%1”', session)}
            action={trans.__('Decline')}
            disabled={reason.trim() === '' || submit.busy}
            onAction={submit.run}
        >
            <p>
                {trans.__(
                    'The session stays sealed. Where the site sends mail, %1 is told your reason.',
                    nameOf(asked.by)
                )}
            </p>
            <Field focus required area label={trans.__('Reason')} value={reason} onChange={setReason} />
            {submit.problem && <ProblemBox problem={submit.problem} />}
        </Modal>
    );
}

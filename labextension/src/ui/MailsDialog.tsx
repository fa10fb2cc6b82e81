import { useState } from 'react';
import { useAnswer, useModama, useTrans } from './context';
import type { Translation } from './host';
import { Modal } from './Modal';
import { Box, Loading, ProblemBox } from './parts';
import { useSubmit } from './useSubmit';

/** What mails are about, in the person's language; the server says it of kinds that are new. */
function aboutWords(kind: string, trans: Translation): string | undefined {
    switch (kind) {
        case 'quiet':
            return trans.__('sessions in your projects in which nothing changes and which are not sealed');
        case 'seal':
            return trans.__('seals of yours that took long, failed, or were cut off');
        case 'declined':
            return trans.__('requests of yours to unseal that were declined');
        default:
            return undefined;
    }
}

/** Which mails one gets, each kind on or off. */
export function MailsDialog(): JSX.Element {
    const { api, ask, host } = useModama();
    const trans = useTrans();
    const { answer, problem, again } = useAnswer(signal => api.call('person.mails', {}, signal), 'mails');
    const [changed, setChanged] = useState<Readonly<Record<string, boolean>>>({});
    const kinds = (answer?.items ?? []).map(kind => ({ ...kind, wanted: changed[kind.name] ?? kind.wanted }));
    const save = useSubmit(async () => {
        await api.call('person.set_mails', {
            off: kinds.filter(({ wanted }) => !wanted).map(({ name }) => name)
        });
        host.notify({ kind: 'success', text: trans.__('Saved which mails you get.') });
        ask.set(undefined);
    });
    return (
        <Modal
            title={trans.__('Mails to you')}
            action={trans.__('Save')}
            disabled={save.busy || !answer}
            onAction={save.run}
        >
            {!answer && !problem && <Loading />}
            {problem && <ProblemBox problem={problem} again={again} />}
            {answer && !answer.sent && (
                <Box kind="info">{trans.__('This site has no mail server and sends no mail.')}</Box>
            )}
            {answer && (
                <fieldset className="mo-checks">
                    <legend>{trans.__('Send me mails about')}</legend>
                    {kinds.map(({ name, about, wanted }) => (
                        <label key={name}>
                            <input
                                type="checkbox"
                                checked={wanted}
                                onChange={event => setChanged({ ...changed, [name]: event.target.checked })}
                            />
                            <span>{aboutWords(name, trans) ?? about}</span>
                        </label>
                    ))}
                </fieldset>
            )}
            <p className="mo-quiet">
                {trans.__(
                    'What is switched off is not kept for you either. Invitations go to addresses that have no account here; there is nothing to switch off.'
                )}
            </p>
            {save.problem && <ProblemBox problem={save.problem} />}
        </Modal>
    );
}

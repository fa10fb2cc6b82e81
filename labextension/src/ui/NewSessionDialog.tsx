import { useState } from 'react';
import { useAnswer, useModama, useTrans } from './context';
import { Modal } from './Modal';
import { Field, ProblemBox } from './parts';
import { nameProblem, otherProblem, useSubmit } from './useSubmit';

export function NewSessionDialog({ project, path_b64 }: { project: string; path_b64?: string }): JSX.Element {
    const modama = useModama();
    const { api } = modama;
    const trans = useTrans();
    const proposed = useAnswer(
        signal => api.call('session.list', { project, path_b64, limit: 1 }, signal),
        project
    );
    const [typed, setTyped] = useState<string>();
    const name = typed ?? proposed.answer?.proposed_name ?? '';
    const [facts, setFacts] = useState({ title: '', instrument: '', sample: '' });
    const submit = useSubmit(async () => {
        const made = await api.call('session.create', { project, path_b64, name, ...facts });
        modama.ask.set(undefined);
        modama.places.go({ view: 'session', project, session: made.name, path_b64: made.path_b64 });
        modama.changed();
        if (made.warning) {
            modama.host.notify({ kind: 'warning', text: made.warning });
        }
    });
    const other = otherProblem(submit);
    const fact = (key: keyof typeof facts, label: string) => (
        <Field label={label} value={facts[key]} onChange={value => setFacts({ ...facts, [key]: value })} />
    );
    return (
        <Modal
            title={trans.__('New session in “%1”', project.split('/').pop())}
            action={trans.__('Create session')}
            disabled={submit.busy}
            onAction={submit.run}
        >
            <p>
                {trans.__(
                    'A session is a folder in the project with a “raw” folder for what the instrument writes; beside it there is room for results and notes.'
                )}
            </p>
            <ul>
                <li>
                    {trans.__(
                        'It can be used as a network drive on a microscope’s computer, so that data is saved in the right place at once.'
                    )}
                </li>
                <li>
                    {trans.__(
                        'It can be sealed: then “raw” and everything in it can no more be changed, by anybody. Seal soon after the measurement; it guards against mistakes and against malice.'
                    )}
                </li>
            </ul>
            <Field
                focus
                label={trans.__('Name')}
                value={name}
                onChange={setTyped}
                waits={typed === undefined && proposed.loading}
                help={trans.__(
                    'Begins with the date; add what it is about, for example 2024-11-12-biasing-test.'
                )}
                problem={nameProblem(submit)}
            />
            {fact('title', trans.__('Title (optional)'))}
            {fact('instrument', trans.__('Instrument (optional)'))}
            {fact('sample', trans.__('Sample (optional)'))}
            {other && <ProblemBox problem={other} />}
        </Modal>
    );
}

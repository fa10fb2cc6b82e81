import { useState } from 'react';
import { useModama, useTrans } from './context';
import { Modal } from './Modal';
import { Choice, Field, ProblemBox } from './parts';
import { nameProblem, otherProblem, useSubmit } from './useSubmit';

export function NewProjectDialog(): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    const [name, setName] = useState('');
    const [title, setTitle] = useState('');
    const [visibility, setVisibility] = useState<'private' | 'open'>('private');
    const submit = useSubmit(async () => {
        const made = await modama.api.call('project.create', { name, title, visibility });
        modama.ask.set(undefined);
        modama.places.go({ view: 'project', project: made.path, path_b64: made.path_b64 });
        modama.changed();
        if (made.warning) {
            modama.host.notify({ kind: 'warning', text: made.warning });
        }
    });
    const other = otherProblem(submit);
    return (
        <Modal
            title={trans.__('New project')}
            action={trans.__('Create project')}
            disabled={name === '' || submit.busy}
            onAction={submit.run}
        >
            <p>
                {trans.__(
                    'A project is a folder that you share with people. Owners and members can make files and folders everywhere in it; a file is deleted by its owner only. Who may write is kept by the system, so you need not set permissions.'
                )}
            </p>
            <Field
                focus
                required
                label={trans.__('Name')}
                value={name}
                onChange={setName}
                help={trans.__(
                    'The folder’s name, for example fancy-new-method. It becomes part of every path.'
                )}
                problem={nameProblem(submit)}
            />
            <Field label={trans.__('Title (optional)')} value={title} onChange={setTitle} />
            <Choice<'private' | 'open'>
                label={trans.__('Who can read it')}
                value={visibility}
                onChange={setVisibility}
                options={[
                    ['private', trans.__('owners and members only')],
                    ['open', trans.__('everybody on this system')]
                ]}
            />
            {other && <ProblemBox problem={other} />}
        </Modal>
    );
}

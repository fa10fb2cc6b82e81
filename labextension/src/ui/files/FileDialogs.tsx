import { useState } from 'react';
import { at, type Located } from '../../api/client';
import type { Entry } from '../../api/types';
import { useModama, useTrans } from '../context';
import { Modal } from '../Modal';
import { Field, ProblemBox } from '../parts';
import { nameProblem, otherProblem, useSubmit } from '../useSubmit';

/** A folder for files, in the folder that is shown. */
export function NewFolderDialog({ folder }: { folder: Located }): JSX.Element {
    const { api } = useModama();
    const trans = useTrans();
    return (
        <NameDialog
            title={trans.__('New folder in “%1”', folder.path.split('/').pop())}
            action={trans.__('Make folder')}
            name=""
            work={name => api.call('folder.make', { ...at(folder), name })}
        />
    );
}

/** Another name for a file or folder, where it lies. */
export function RenameDialog({ entry }: { entry: Entry }): JSX.Element {
    const { api } = useModama();
    const trans = useTrans();
    return (
        <NameDialog
            title={trans.__('Rename “%1”', entry.name)}
            action={trans.__('Rename')}
            name={entry.name}
            help={trans.__('Links and scripts that name the old one lead nowhere then.')}
            work={name => api.call('entry.rename', { ...at(entry), name })}
        />
    );
}

function NameDialog(props: {
    title: string;
    action: string;
    name: string;
    help?: string;
    work(name: string): Promise<unknown>;
}): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    const [name, setName] = useState(props.name);
    const submit = useSubmit(async () => {
        await props.work(name);
        modama.ask.set(undefined);
        modama.changed();
    });
    const other = otherProblem(submit);
    return (
        <Modal
            title={props.title}
            action={props.action}
            disabled={submit.busy || name === '' || name === props.name}
            onAction={submit.run}
        >
            <Field
                focus
                label={trans.__('Name')}
                value={name}
                onChange={setName}
                help={props.help}
                problem={nameProblem(submit)}
            />
            {other && <ProblemBox problem={other} />}
        </Modal>
    );
}

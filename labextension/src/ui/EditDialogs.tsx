import { useRef, useState } from 'react';
import type { Project, Session } from '../api/types';
import {
    brought,
    changesOf,
    fieldWord,
    overtaken,
    FACTS,
    RULES,
    textsOf,
    type FieldName,
    type RecordTexts
} from '../services/record';
import { useModama, useTrans } from './context';
import { Modal } from './Modal';
import { Box, Button, Field, ProblemBox } from './parts';
import { nameProblem, otherProblem, useSubmit } from './useSubmit';

/** Change what a project says about itself, and its name. */
export function EditProjectDialog({ project }: { project: Project }): JSX.Element {
    const { api, places } = useModama();
    const trans = useTrans();
    const now = useRef(project);
    const where = () => ({ project: now.current.path, path_b64: now.current.path_b64 || undefined });
    return (
        <EditDialog
            title={trans.__('Edit project “%1”', project.name)}
            thing={project}
            nameHelp={trans.__(
                'The folder’s name. Links and scripts that name the old one lead nowhere then; permalinks go on.'
            )}
            show={() => api.call('project.show', where())}
            rename={async name => {
                now.current = await api.call('project.rename', { ...where(), name });
                places.go({ view: 'project', project: now.current.path, path_b64: now.current.path_b64 });
            }}
            update={changes => api.call('project.update', { ...where(), ...changes })}
        />
    );
}

/** Change what a session says about itself, and its name where that is possible. */
export function EditSessionDialog({ session }: { session: Session }): JSX.Element {
    const { api, places } = useModama();
    const trans = useTrans();
    const now = useRef(session);
    const where = () => {
        const { project, name, path_b64 } = now.current;
        return { project, session: name, path_b64: path_b64 || undefined };
    };
    const sealed = session.seal !== null || session.state === 'sealed-bare';
    return (
        <EditDialog
            title={trans.__('Edit session “%1”', session.name)}
            thing={session}
            about={
                sealed
                    ? trans.__(
                          'The raw data stays as it was sealed; what is said about it can still be changed.'
                      )
                    : undefined
            }
            nameHelp={
                session.actions.includes('rename')
                    ? trans.__(
                          'The folder’s name. Links and scripts that name the old one lead nowhere then; permalinks go on.'
                      )
                    : undefined
            }
            show={() => api.call('session.show', where())}
            rename={async name => {
                now.current = await api.call('session.rename', { ...where(), name });
                const { project, name: session, path_b64 } = now.current;
                places.go({ view: 'session', project, session, path_b64 });
            }}
            update={changes => api.call('session.update', { ...where(), ...changes })}
        />
    );
}

interface Props {
    title: string;
    thing: Project | Session;
    about?: string;
    /** What a new name means; without it the name stays. */
    nameHelp?: string;
    show(): Promise<Project | Session>;
    rename(name: string): Promise<void>;
    update(changes: Partial<RecordTexts>): Promise<unknown>;
}

function EditDialog({ title, thing, about, nameHelp, show, rename, update }: Props): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    const known = useRef({ name: thing.name, texts: textsOf(thing) });
    const [name, setName] = useState(thing.name);
    const [texts, setTexts] = useState(known.current.texts);
    const [lost, setLost] = useState<FieldName[]>([]);
    const submit = useSubmit(async () => {
        // Only what was changed is sent, so others' changes of other fields stay; over the same field one is asked.
        const before = known.current.texts;
        const now = textsOf(await show());
        const mine = brought(before, now, texts);
        const over = overtaken(before, now, texts);
        known.current.texts = now;
        setTexts(mine);
        setLost(over);
        if (over.length > 0) {
            return;
        }
        if (name !== known.current.name) {
            await rename(name);
            known.current.name = name;
            modama.changed();
        }
        const changes = changesOf(now, mine);
        if (Object.keys(changes).length > 0) {
            await update(changes);
            modama.changed();
        }
        modama.ask.set(undefined);
    });
    const put = (field: FieldName, value: string) => setTexts({ ...texts, [field]: value });
    const fields = (names: readonly FieldName[]) =>
        names.map(field => (
            <Field
                key={field}
                area={field === 'description'}
                label={fieldWord(field, trans)}
                value={texts[field]}
                onChange={value => put(field, value)}
            />
        ));
    const other = otherProblem(submit);
    return (
        <Modal
            title={title}
            action={trans.__('Save')}
            disabled={name === '' || submit.busy}
            onAction={submit.run}
        >
            {about && <p>{about}</p>}
            {nameHelp && (
                <Field
                    required
                    label={trans.__('Name')}
                    value={name}
                    onChange={setName}
                    help={nameHelp}
                    problem={nameProblem(submit)}
                />
            )}
            {fields(['title', 'description', ...FACTS])}
            <details>
                <summary>{trans.__('Rules and relations')}</summary>
                {fields(RULES)}
            </details>
            {lost.map(field => (
                <Overtaken
                    key={field}
                    field={field}
                    theirs={known.current.texts[field]}
                    onTake={() => {
                        put(field, known.current.texts[field]);
                        setLost(lost.filter(one => one !== field));
                    }}
                />
            ))}
            {other && <ProblemBox problem={other} />}
        </Modal>
    );
}

/** Somebody else was faster: what they wrote, and the choice. */
function Overtaken(props: { field: FieldName; theirs: string; onTake(): void }): JSX.Element {
    const trans = useTrans();
    const word = fieldWord(props.field, trans);
    return (
        <Box kind="warning">
            <p>
                {props.theirs
                    ? trans.__(
                          'Meanwhile somebody else changed “%1”; it says now: “%2”. Save again to put your text in its place, or take theirs.',
                          word,
                          props.theirs
                      )
                    : trans.__(
                          'Meanwhile somebody else cleared “%1”. Save again to put your text there, or leave it empty.',
                          word
                      )}
            </p>
            <Button onClick={props.onTake}>
                {props.theirs ? trans.__('Take theirs') : trans.__('Leave it empty')}
            </Button>
        </Box>
    );
}

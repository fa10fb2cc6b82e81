import { useState } from 'react';
import { at } from '../../api/client';
import { ApiProblem } from '../../api/problem';
import type { Entry, Job, Session } from '../../api/types';
import { amount } from '../../services/format';
import { hasEnded } from '../../services/jobs';
import type { Modama } from '../../services/modama';
import { useAnswer, useModama, useTrans } from '../context';
import { Modal } from '../Modal';
import { Choice, Field, Loading, ProblemBox } from '../parts';
import { useSubmit } from '../useSubmit';

const MOST = 1000;

/** Which folder of a session. */
type Part = 'raw' | 'derived' | 'path';

/** Wait for a job, and raise what it failed with. */
async function done({ jobs }: Modama, { job }: { job: Job }): Promise<void> {
    jobs.follow(job);
    const ended = hasEnded(job) ? job : await jobs.ended(job.id);
    if (ended.state !== 'done') {
        throw new ApiProblem(
            ended.problem ?? { type: `urn:modama:${ended.state}`, status: 409, detail: ended.state }
        );
    }
}

/** Choose a session of the project, and the folder in it, that entries are moved into. */
export function MoveDialog(props: { entries: readonly Entry[]; project: string }): JSX.Element {
    const { entries, project } = props;
    const modama = useModama();
    const { api } = modama;
    const trans = useTrans();
    const { answer, problem, again } = useAnswer(
        signal => api.call('session.list', { project, limit: MOST }, signal),
        project
    );
    const [path, setPath] = useState('');
    const [part, setPart] = useState<Part>('raw');
    const sessions = answer?.items.filter(session => !session.path_b64) ?? [];
    const session = sessions.find(one => one.path === path) ?? sessions[0];
    const submit = useSubmit(async () => {
        for (const entry of entries) {
            await done(modama, await api.call('entry.move', { ...at(entry), to: session?.[part] ?? '' }));
        }
        modama.ask.set(undefined);
        modama.changed();
    });
    const parts: [Part, string][] = [
        ['raw', trans.__('raw (what the instrument wrote)')],
        ['derived', trans.__('results')],
        ['path', trans.__('the session’s own folder')]
    ];
    return (
        <Modal
            title={
                entries.length === 1
                    ? trans.__('Move “%1” into a session', entries[0].name)
                    : trans.__('Move %1 entries into a session', amount(entries.length))
            }
            action={trans.__('Move')}
            disabled={submit.busy || !session || !session[part]}
            onAction={submit.run}
        >
            {!answer && !problem && <Loading />}
            {problem && <ProblemBox problem={problem} again={again} />}
            {answer && sessions.length === 0 && (
                <p>
                    {trans.__('This project has no session yet; make one first, or make a folder a session.')}
                </p>
            )}
            {session && (
                <>
                    <Choice
                        label={trans.__('Session')}
                        value={session.path}
                        onChange={setPath}
                        options={sessions.map(one => [one.path, wordFor(one, trans.__('sealed'))])}
                    />
                    <Choice<Part>
                        label={trans.__('Folder')}
                        value={part}
                        onChange={setPart}
                        options={parts}
                    />
                    <p className="mo-quiet">
                        {trans.__(
                            'Nothing is copied: the files stay on the disk where they are, and get the rights of the session. What is there already is never replaced.'
                        )}
                    </p>
                </>
            )}
            {submit.problem && <ProblemBox problem={submit.problem} />}
        </Modal>
    );
}

const wordFor = ({ name, state }: Session, sealed: string): string =>
    state === 'writable' ? name : `${name} (${sealed})`;

/** Make a session of a folder that lies in a project. */
export function MakeSessionDialog({ entry, project }: { entry: Entry; project: string }): JSX.Element {
    const modama = useModama();
    const { api, places } = modama;
    const trans = useTrans();
    const [title, setTitle] = useState('');
    const submit = useSubmit(async () => {
        const wanted = { project, session: entry.name, path_b64: entry.path_b64 || undefined, title };
        await done(modama, await api.call('session.make', wanted));
        modama.ask.set(undefined);
        modama.changed();
        places.go({ view: 'session', project, session: entry.name, path_b64: entry.path_b64 });
    });
    return (
        <Modal
            title={trans.__('Make “%1” a session', entry.name)}
            action={trans.__('Make session')}
            disabled={submit.busy}
            onAction={submit.run}
        >
            <p>
                {trans.__(
                    'All that is in the folder becomes the raw data of a session of the same name, which can be sealed then. Nothing is copied. Beside it there will be a folder for results and a page of notes.'
                )}
            </p>
            <Field focus label={trans.__('Title (optional)')} value={title} onChange={setTitle} />
            {submit.problem && <ProblemBox problem={submit.problem} />}
        </Modal>
    );
}

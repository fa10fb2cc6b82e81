import { useEffect, useState } from 'react';
import type { Session } from '../api/types';
import { start } from '../services/actions';
import { tellProblem } from '../services/details';
import { amount, bytes, countdown, moment, span } from '../services/format';
import { nameOf } from '../services/members';
import type { Modama } from '../services/modama';
import { amountOfData } from '../services/phrases';
import { RULES, writtenDown } from '../services/record';
import { useAnswer, useModama, useTrans, useValue } from './context';
import { FolderList } from './FolderView';
import type { Translation } from './host';
import { JobLine } from './JobLine';
import { Box, Button, Facts, Loading, ProblemBox } from './parts';
import { mayAsk, UnsealRequestBox } from './RequestUnseal';
import { Since } from './Since';
import { StateBadge, stateWords } from './state';

const LOOK_AGAIN_MS = 15_000;

/** One session: its state, what can be done with it, what lies in it. */
export function SessionView(props: { project: string; session: string; path_b64?: string }): JSX.Element {
    const { project, session, path_b64 } = props;
    const { api, jobs, revision } = useModama();
    const trans = useTrans();
    useValue(jobs.all);
    const job = jobs.of(project, session);
    const { answer, problem, again } = useAnswer(
        signal => api.call('session.show', { project, session, path_b64 }, signal),
        `${project}/${session}`,
        [useValue(revision), job?.phase]
    );
    useEffect(() => {
        // While an instrument writes, the numbers go on.
        const timer = setInterval(() => document.visibilityState === 'visible' && again(), LOOK_AGAIN_MS);
        return () => clearInterval(timer);
    }, [again]);
    if (!answer) {
        return problem ? <ProblemBox problem={problem} again={again} /> : <Loading />;
    }
    return (
        <section className="mo-page mo-page-split" aria-label={trans.__('Session %1', answer.name)}>
            <div className="mo-upper">
                <div className="mo-heading">
                    <h2>{answer.name}</h2>
                    <StateBadge state={answer.state} />
                </div>
                {answer.title && <p className="mo-subtitle">{answer.title}</p>}
                {answer.description && <p className="mo-description">{answer.description}</p>}
                <p className="mo-quiet">{stateWords(answer.state, trans)[1]}</p>
                {answer.warning && <Box kind="warning">{answer.warning}</Box>}
                <UnsealRequestBox session={answer} />
                {job && <JobLine job={job} />}
                <Actions session={answer} />
                <SessionFacts session={answer} />
            </div>
            <FolderList folder={{ path: answer.path, path_b64 }} />
        </section>
    );
}

function Actions({ session }: { session: Session }): JSX.Element {
    const modama = useModama();
    const { ask, host, places } = modama;
    const trans = useTrans();
    const can = (action: string) => session.actions.includes(action);
    const sealWord = session.state === 'sealed-bare' ? trans.__('Add checksums…') : trans.__('Seal…');
    return (
        <div className="mo-toolbar">
            {can('seal') && (
                <Button changes icon="lock" look="main" onClick={() => ask.set({ kind: 'seal', session })}>
                    {session.state === 'interrupted' ? trans.__('Go on sealing…') : sealWord}
                </Button>
            )}
            {can('verify') && (
                <Button
                    icon="check"
                    onClick={() => void start(modama, 'session.verify', session)}
                    title={trans.__('Read all raw files again and compare them with their checksums')}
                >
                    {trans.__('Verify')}
                </Button>
            )}
            {can('undo_seal') && <UndoButton session={session} />}
            {can('unseal') && (
                <Button
                    changes
                    icon="unlock"
                    look="danger"
                    onClick={() => ask.set({ kind: 'unseal', session })}
                >
                    {trans.__('Unseal…')}
                </Button>
            )}
            {mayAsk(session) && (
                <Button changes icon="unlock" onClick={() => ask.set({ kind: 'request-unseal', session })}>
                    {trans.__('Request unseal…')}
                </Button>
            )}
            {can('update') && (
                <Button changes icon="pen" onClick={() => ask.set({ kind: 'edit-session', session })}>
                    {trans.__('Edit…')}
                </Button>
            )}
            {host.openText && (session.notes || can('update')) && (
                <Button icon="file" onClick={() => void openNotes(modama, session)}>
                    {trans.__('Notes')}
                </Button>
            )}
            <Button icon="folder" onClick={() => places.go({ view: 'folder', path: session.raw })}>
                {trans.__('Raw files')}
            </Button>
            <Button
                icon="link"
                onClick={() =>
                    ask.set({ kind: 'links', entry: { path: session.path, path_b64: session.path_b64 } })
                }
            >
                {trans.__('Links')}
            </Button>
            {can('remove') && session.summary?.files === 0 && <RemoveButton session={session} />}
        </div>
    );
}

/** The page of notes, which stays writable after a seal; a session that has none gets one. */
async function openNotes(modama: Modama, { notes, path, name, title }: Session): Promise<void> {
    try {
        await modama.host.openText?.(
            notes || `${path}/notes.md`,
            notes ? undefined : `# ${title || name}\n\n`
        );
    } catch (error) {
        tellProblem(modama, error);
    }
}

/** Undo, with the time that is left for it; gone when the time is. */
function UndoButton({ session }: { session: Session }): JSX.Element | null {
    const modama = useModama();
    const trans = useTrans();
    const until = session.seal?.undo_until ?? '';
    const [now, setNow] = useState(Date.now());
    useEffect(() => {
        const timer = setInterval(() => setNow(Date.now()), 1000);
        return () => clearInterval(timer);
    }, []);
    const left = until ? countdown(until, now) : '';
    if (!left) {
        return null;
    }
    return (
        <Button
            changes
            icon="undo"
            onClick={() => void start(modama, 'session.undo_seal', session)}
            title={trans.__('You sealed this; until then you can take it back yourself')}
        >
            {trans.__('Undo seal (%1)', left)}
        </Button>
    );
}

function RemoveButton({ session }: { session: Session }): JSX.Element {
    const modama = useModama();
    const { api, host, places } = modama;
    const trans = useTrans();
    const remove = async () => {
        const question = trans.__('Remove the empty session “%1”? It holds no files.', session.name);
        if (!(await host.confirm(question, trans.__('Remove')))) {
            return;
        }
        const { project, name, path_b64 } = session;
        try {
            await api.call('session.remove', { project, session: name, path_b64 });
            places.go({ view: 'project', project });
            modama.changed();
        } catch (error) {
            tellProblem(modama, error);
        }
    };
    return (
        <Button changes icon="close" onClick={() => void remove()}>
            {trans.__('Remove…')}
        </Button>
    );
}

function SessionFacts({ session }: { session: Session }): JSX.Element {
    const trans = useTrans();
    const { seal, summary, fields = {} } = session;
    const protection: Record<string, string> = {
        immutable: trans.__('immutable: nobody can change it, on any protocol'),
        'read-only': trans.__(
            'read-only: write permission is taken away, but the files’ owner could give it back'
        ),
        none: ''
    };
    const formats = summary?.formats.map(
        ({ format, files, bytes: size }) =>
            `${amount(files)} ${format || trans.__('without an ending')} (${bytes(size)})`
    );
    return (
        <Facts
            rows={[
                [
                    trans.__('Protection'),
                    session.state === 'writable' ? '' : (protection[session.protection] ?? '')
                ],
                [trans.__('Sealed'), seal && trans.__('%1 by %2', moment(seal.at), nameOf(seal.by))],
                [trans.__('Changes'), seal?.since && <Since since={seal.since} />],
                [trans.__('Note'), seal?.note],
                [trans.__('Raw data'), counted(session, trans)],
                [trans.__('Formats'), formats?.join(', ')],
                [trans.__('First file'), arrival(summary?.first_file, summary?.first_arrival)],
                [trans.__('Last file'), arrival(summary?.last_file, summary?.last_arrival)],
                [trans.__('Duration'), summary && summary.duration_s >= 1 && span(summary.duration_s)],
                [trans.__('Instrument'), summary?.instrument || fields.instrument],
                [trans.__('Technique'), summary?.technique || fields.technique],
                [trans.__('Sample'), summary?.sample || fields.sample],
                [trans.__('Operator'), fields.operator],
                [trans.__('Created'), moment(session.created)],
                ...writtenDown(session, RULES, trans)
            ]}
        />
    );
}

/** How much lies in raw: of a sealed session what the seal says, else what was counted last. */
function counted({ state, seal, summary }: Session, trans: Translation): string {
    if (state === 'sealed' && seal) {
        return amountOfData(seal.bytes, seal.files, trans);
    }
    // Nobody seals nothing: a count of zero is older than the files.
    if (!summary || (summary.files === 0 && state !== 'writable')) {
        return '';
    }
    if (summary.files === 0) {
        return summary.complete ? trans.__('no files yet') : trans.__('still counting');
    }
    const found = amountOfData(summary.bytes, summary.files, trans);
    return summary.complete ? found : trans.__('%1 so far, still counting', found);
}

const arrival = (name: string | undefined, when: string | null | undefined): string =>
    name ? `${name} · ${moment(when)}` : '';

import { useState } from 'react';
import type { SealSurvey, Session } from '../api/types';
import { amount, bytes } from '../services/format';
import { useAnswer, useModama, useTrans } from './context';
import { Modal } from './Modal';
import { Box, Choice, Facts, Field, Loading, ProblemBox } from './parts';
import { useSubmit } from './useSubmit';

type Writers = 'refuse' | 'wait' | 'quiet' | 'override';

/** Asks by consequence: what will be frozen, what is in the way, who can undo it. */
export function SealDialog({ session }: { session: Session }): JSX.Element {
    const modama = useModama();
    const { api, ask, jobs } = modama;
    const trans = useTrans();
    const named = { project: session.project, session: session.name, path_b64: session.path_b64 };
    const {
        answer: survey,
        problem,
        again
    } = useAnswer(signal => api.call('session.survey', named, signal), session.path);
    const [note, setNote] = useState('');
    const [writers, setWriters] = useState<Writers>('refuse');
    const submit = useSubmit(async () => {
        jobs.follow((await api.call('session.seal', { ...named, note, writers })).job);
        ask.set(undefined);
        modama.changed();
    });
    const blocked = !survey || survey.problem !== '' || (survey.writer_count > 0 && writers === 'refuse');
    return (
        <Modal
            title={trans.__('Seal session “%1”', session.name)}
            action={
                survey
                    ? trans._n('Seal 1 file', 'Seal %2 files', survey.files, amount(survey.files))
                    : trans.__('Seal')
            }
            look="danger"
            disabled={blocked || submit.busy}
            onAction={submit.run}
        >
            {!survey && !problem && <Loading />}
            {problem && <ProblemBox problem={problem} again={again} />}
            {survey && (
                <>
                    <Consequences survey={survey} />
                    <Hindrances survey={survey} />
                    {survey.writer_count > 0 && (
                        <Choice<Writers>
                            label={trans.__('What to do about them')}
                            value={writers}
                            onChange={setWriters}
                            options={[
                                ['refuse', trans.__('do not seal now')],
                                ['wait', trans.__('wait up to 10 minutes until they are done')],
                                ['quiet', trans.__('seal the other files, leave these open')],
                                ['override', trans.__('seal all the same: they only look at the files')]
                            ]}
                        />
                    )}
                    <Field
                        label={trans.__('Note (optional, kept with the seal)')}
                        value={note}
                        onChange={setNote}
                    />
                </>
            )}
            {submit.problem && <ProblemBox problem={submit.problem} />}
        </Modal>
    );
}

function Consequences({ survey }: { survey: SealSurvey }): JSX.Element {
    const trans = useTrans();
    const protection =
        survey.protection === 'immutable'
            ? trans.__('immutable: on every protocol, for everybody')
            : trans.__(
                  'read-only: write permission is taken away. The files’ owner could give it back; a change would show when verifying'
              );
    const { files, folders } = survey;
    const sealed = [
        trans._n('1 file', '%2 files', files, amount(files)),
        bytes(survey.bytes),
        folders > 0 && trans._n('in 1 folder', 'in %2 folders', folders, amount(folders))
    ];
    return (
        <>
            <p>
                {trans.__(
                    'After this, no file in “raw” can be changed, renamed, added or deleted. Results and notes beside it stay writable.'
                )}
            </p>
            <Facts
                rows={[
                    [trans.__('What is sealed'), sealed.filter(Boolean).join(', ')],
                    [trans.__('Protection'), protection],
                    [trans.__('Who can undo it'), survey.can_undo],
                    [trans.__('Who can unseal'), survey.can_unseal]
                ]}
            />
        </>
    );
}

/** What should be looked at before; each with the files that it is about. */
function Hindrances({ survey }: { survey: SealSurvey }): JSX.Element {
    const trans = useTrans();
    const { writer_count, junk_count, empty_files, hard_links, unreadable } = survey;
    return (
        <>
            {survey.problem && <Box kind="warning">{survey.problem}</Box>}
            {survey.warnings.map(warning => (
                <Box key={warning} kind="warning">
                    {warning}
                </Box>
            ))}
            {writer_count > 0 && (
                <Box kind="warning">
                    {trans._n(
                        '1 file is still being written:',
                        '%1 files are still being written:',
                        writer_count
                    )}
                    <Names
                        names={survey.writers.map(({ path, program }) =>
                            program ? `${path} (${program})` : path
                        )}
                    />
                </Box>
            )}
            {survey.writers_checked !== 'checked' && (
                <Box kind="info">
                    {trans.__(
                        'It cannot be checked here whether programs still write. Please make sure that the measurement is over.'
                    )}
                </Box>
            )}
            {junk_count > 0 && (
                <Box kind="info">
                    {trans._n(
                        '1 left-over would be frozen too (%2):',
                        '%1 left-overs would be frozen too (%2):',
                        junk_count,
                        bytes(survey.junk_bytes)
                    )}
                    <Names names={survey.junk} />
                </Box>
            )}
            {empty_files > 0 && (
                <Box kind="info">{trans._n('1 file is empty.', '%1 files are empty.', empty_files)}</Box>
            )}
            {hard_links.length > 0 && (
                <Box kind="info">
                    {trans.__('These files have a second name elsewhere; “raw” gets a copy of its own:')}
                    <Names names={hard_links} />
                </Box>
            )}
            {unreadable.length > 0 && (
                <Box kind="warning">
                    {trans.__('These files cannot be read, so they get no checksum:')}
                    <Names names={unreadable} />
                </Box>
            )}
        </>
    );
}

const SHOWN = 5;

function Names({ names }: { names: string[] }): JSX.Element {
    const trans = useTrans();
    return (
        <ul className="mo-names">
            {names.slice(0, SHOWN).map(name => (
                <li key={name}>
                    <code>{name}</code>
                </li>
            ))}
            {names.length > SHOWN && <li>{trans.__('and %1 more', amount(names.length - SHOWN))}</li>}
        </ul>
    );
}

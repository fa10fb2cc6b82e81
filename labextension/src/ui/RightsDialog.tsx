import { useEffect, useState } from 'react';
import type { DriftReport, Job, Project } from '../api/types';
import { amount } from '../services/format';
import { useChange } from './ChangeModal';
import { useModama, useTrans } from './context';
import { JobLine } from './JobLine';
import { Modal } from './Modal';
import { Box, Loading, ProblemBox } from './parts';

const MEMBERS = new Set(['member', 'owner', 'administrator']);

/** What does not grant what the project says, and the button that mends it. */
export function RightsDialog({ project }: { project: Project }): JSX.Element {
    const { api } = useModama();
    const trans = useTrans();
    const [report, setReport] = useState<DriftReport>();
    const [isMended, setMended] = useState(false);
    const at = { project: project.path, path_b64: project.path_b64 || undefined };
    const take = (job: Job) => setReport(job.result as unknown as DriftReport);
    const check = useChange(() => api.call('project.check', at), take);
    const repair = useChange(
        () => api.call('project.repair', at),
        job => {
            take(job);
            setMended(true);
        }
    );
    useEffect(check.run, []);
    const canMend =
        !isMended && MEMBERS.has(project.role) && (report?.found ?? []).some(({ mendable }) => mendable);
    const change = repair.busy || repair.problem ? repair : check;
    return (
        <Modal
            title={trans.__('Rights in “%1”', project.name)}
            action={canMend ? trans.__('Repair') : undefined}
            disabled={repair.busy}
            onAction={repair.run}
        >
            {change.busy && (change.job ? <JobLine job={change.job} /> : <Loading />)}
            {report && <Report report={report} project={project.path} isMended={isMended} />}
            {change.problem && <ProblemBox problem={change.problem} again={change.run} />}
        </Modal>
    );
}

function Report(props: { report: DriftReport; project: string; isMended: boolean }): JSX.Element {
    const { report, project, isMended } = props;
    const trans = useTrans();
    const { found, files, folders, sealed, sentence } = report;
    const isGood = isMended ? found.every(({ left }) => left === 0) : !found.some(({ mendable }) => mendable);
    return (
        <>
            <Box kind={isGood ? 'success' : 'warning'}>
                <p role="status">{sentence}</p>
            </Box>
            <p className="mo-quiet">
                {trans.__(
                    'Looked at: %1, %2; %3 left as they were sealed.',
                    trans._n('1 file', '%2 files', files, amount(files)),
                    trans._n('1 folder', '%2 folders', folders, amount(folders)),
                    amount(sealed)
                )}
            </p>
            {isMended && found.length > 0 && <p>{trans.__('What was found:')}</p>}
            {found.map(kind => (
                <details key={kind.code} open>
                    <summary>{kind.sentence}</summary>
                    {kind.left > 0 && (
                        <p>
                            {trans._n(
                                '1 of them belongs to somebody else; an administrator can mend it.',
                                '%2 of them belong to others; an administrator can mend them.',
                                kind.left,
                                amount(kind.left)
                            )}
                        </p>
                    )}
                    <ul className="mo-names">
                        {kind.examples.map(path => (
                            <li key={path}>
                                <code title={path}>{beneath(project, path)}</code>
                            </li>
                        ))}
                        {kind.count > kind.examples.length && kind.examples.length > 0 && (
                            <li className="mo-quiet">
                                {trans._n(
                                    'and 1 more',
                                    'and %2 more',
                                    kind.count - kind.examples.length,
                                    amount(kind.count - kind.examples.length)
                                )}
                            </li>
                        )}
                    </ul>
                </details>
            ))}
        </>
    );
}

/** A path as it is told where the project is known. */
const beneath = (project: string, path: string): string =>
    path.startsWith(`${project}/`) ? path.slice(project.length + 1) : path;

import { useState, type ReactNode } from 'react';
import { ApiProblem } from '../api/problem';
import type { Job } from '../api/types';
import { hasEnded } from '../services/jobs';
import { useModama, useTrans, useValue } from './context';
import { JobLine } from './JobLine';
import { Modal } from './Modal';
import { Box, Button, ProblemBox } from './parts';
import { useSubmit, type Submit } from './useSubmit';

/** A long change of a project that a dialog starts: its job, and what was said against it. */
export interface Change extends Submit {
    job?: Job;
}

/** Start a job, show it until it ends; `done` only when it went well. Without a job it has been done already. */
export function useChange<J extends Job | undefined>(
    begin: () => Promise<{ job: J }>,
    done: (job: J) => void
): Change {
    const modama = useModama();
    const { jobs } = modama;
    const [id, setId] = useState('');
    const submit = useSubmit(async () => {
        const { job } = await begin();
        if (!job) {
            modama.changed();
            done(job);
            return;
        }
        jobs.follow(job);
        setId(job.id);
        const ended = hasEnded(job) ? job : await jobs.ended(job.id);
        setId('');
        modama.changed();
        if (ended.state !== 'done') {
            throw new ApiProblem(
                ended.problem ?? { type: `urn:modama:${ended.state}`, status: 409, detail: ended.state }
            );
        }
        done(ended as J);
    });
    return { ...submit, job: useValue(jobs.all).get(id) };
}

/** A dialog that changes a project by one job and closes when that has gone well. */
export function ChangeModal(props: {
    title: string;
    action: string;
    look?: 'main' | 'danger';
    disabled?: boolean;
    begin(): Promise<{ job: Job | undefined }>;
    /** Take what is so now, after somebody else was faster. */
    onAgain?(): void;
    children: ReactNode;
}): JSX.Element {
    const { ask } = useModama();
    const [opened] = useState(ask.get());
    // Who closed it and opened another meanwhile keeps that.
    const change = useChange(props.begin, () => ask.get() === opened && ask.set(undefined));
    return (
        <Modal
            title={props.title}
            action={props.action}
            look={props.look}
            disabled={props.disabled || change.busy}
            onAction={change.run}
        >
            {props.children}
            {change.job && <JobLine job={change.job} />}
            {change.problem && <ChangeProblem problem={change.problem} onAgain={props.onAgain} />}
        </Modal>
    );
}

function ChangeProblem({ problem, onAgain }: { problem: ApiProblem; onAgain?(): void }): JSX.Element {
    const trans = useTrans();
    if (problem.code !== 'conflict' || !onAgain) {
        return <ProblemBox problem={problem} />;
    }
    return (
        <Box kind="warning">
            <p role="alert">
                {trans.__('Somebody else changed this project meanwhile; nothing of yours was saved.')}
            </p>
            <Button icon="refresh" onClick={onAgain}>
                {trans.__('Look again')}
            </Button>
        </Box>
    );
}

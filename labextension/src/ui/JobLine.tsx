import { useEffect, useRef, type RefObject } from 'react';
import type { Job } from '../api/types';
import { hasEnded } from '../services/jobs';
import { fraction, phrase } from '../services/phrases';
import { useModama, useTrans } from './context';
import { Box, Button } from './parts';

/** How far a long operation is, or how it ended. */
export function JobLine({ job }: { job: Job }): JSX.Element {
    const { jobs } = useModama();
    const trans = useTrans();
    const says = phrase(job, trans);
    const line = useInSight(job);
    if (hasEnded(job)) {
        return (
            <Box kind={says.kind === 'success' ? 'success' : 'warning'}>
                <p>{says.text}</p>
                <Differences job={job} />
            </Box>
        );
    }
    return (
        <div ref={line} className="mo-job" role="status" aria-live="polite">
            <span>{says.text}</span>
            <progress max={1} value={fraction(job)} />
            {job.cancellable && (
                <Button icon="close" onClick={() => void jobs.cancel(job.id)}>
                    {trans.__('Cancel')}
                </Button>
            )}
        </div>
    );
}

/** Says of a running job's line whether it is seen: the panel may be closed, or the line scrolled away. */
function useInSight(job: Job): RefObject<HTMLDivElement> {
    const { jobs } = useModama();
    const line = useRef<HTMLDivElement>(null);
    useEffect(() => {
        if (!line.current) {
            return;
        }
        let leave: (() => void) | undefined;
        const see = (isSeen: boolean) => {
            if (isSeen) {
                leave ??= jobs.inSight(job.id);
            } else {
                leave?.();
                leave = undefined;
            }
        };
        const observer = new IntersectionObserver(entries => see(entries[entries.length - 1].isIntersecting));
        observer.observe(line.current);
        return () => {
            observer.disconnect();
            see(false);
        };
    }, [jobs, job.id, hasEnded(job)]);
    return line;
}

/** The files that a verification found missing, changed or new. */
function Differences({ job }: { job: Job }): JSX.Element | null {
    const trans = useTrans();
    const problem = job.problem;
    if (!problem) {
        return null;
    }
    const names = (fact: unknown): string[] => (Array.isArray(fact) ? fact.map(String) : []);
    const groups: [string, string[]][] = [
        [trans.__('missing'), names(problem.missing)],
        [trans.__('changed'), names(problem.changed)],
        [trans.__('new'), names(problem.new)],
        [trans.__('unreadable'), names(problem.unreadable)]
    ];
    return (
        <ul className="mo-names">
            {groups.flatMap(([word, paths]) =>
                paths.map(path => (
                    <li key={`${word}/${path}`}>
                        <strong>{word}</strong> <code>{path}</code>
                    </li>
                ))
            )}
        </ul>
    );
}

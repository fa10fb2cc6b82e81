import { useState } from 'react';
import { asProblem, type ApiProblem } from '../api/problem';

export interface Submit {
    busy: boolean;
    problem?: ApiProblem;
    run(): void;
}

/** Do something once at a time, and keep what the server said against it. */
export function useSubmit(work: () => Promise<void>): Submit {
    const [state, setState] = useState<{ busy: boolean; problem?: ApiProblem }>({ busy: false });
    const run = () => {
        if (state.busy) {
            return;
        }
        setState({ busy: true });
        work().then(
            () => setState({ busy: false }),
            error => setState({ busy: false, problem: asProblem(error) })
        );
    };
    return { ...state, run };
}

const NAMED = new Set(['name-refused', 'already-exists']);

/** What the server said against the name, to be shown beside its field. */
export function nameProblem({ problem }: Submit): string | undefined {
    return problem && NAMED.has(problem.code) ? problem.message : undefined;
}

/** What the server said that is not about the name. */
export function otherProblem(submit: Submit): ApiProblem | undefined {
    return nameProblem(submit) ? undefined : submit.problem;
}

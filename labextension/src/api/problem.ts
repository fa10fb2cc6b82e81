import type { FormField, Problem } from './types';

/** An error that the server explained, or that stands in for its explanation. */
export class ApiProblem extends Error {
    constructor(
        readonly problem: Problem,
        /** What was asked for, where that is known. */
        readonly operation = ''
    ) {
        super(problem.detail);
        this.name = 'ApiProblem';
    }

    /** What programs switch on, e.g. `already-sealed`. */
    get code(): string {
        return this.problem.type.replace(/^urn:modama:/, '');
    }

    get status(): number {
        return this.problem.status;
    }

    /** The questions of `parameters-needed`. */
    get form(): FormField[] {
        return Array.isArray(this.problem.form) ? (this.problem.form as FormField[]) : [];
    }
}

/** No answer at all: the server is stopped, or the network is down. */
export function unreachable(reason: string, operation = ''): ApiProblem {
    return new ApiProblem({ type: 'urn:modama:unreachable', status: 0, detail: reason }, operation);
}

/** The error that an answer stands for, whatever is in its body. */
export async function problemOf(response: Response, operation = ''): Promise<ApiProblem> {
    const found: unknown = await response.json().catch(() => null);
    if (found !== null && typeof found === 'object' && 'detail' in found && 'type' in found) {
        return new ApiProblem(found as Problem, operation);
    }
    const code = response.status === 404 ? 'no-server-part' : `http-${response.status}`;
    const detail = `${response.status} ${response.statusText}`;
    return new ApiProblem({ type: `urn:modama:${code}`, status: response.status, detail }, operation);
}

/** Any thrown thing as a problem, so that it can be shown. */
export function asProblem(error: unknown): ApiProblem {
    return error instanceof ApiProblem
        ? error
        : unreachable(error instanceof Error ? error.message : String(error));
}

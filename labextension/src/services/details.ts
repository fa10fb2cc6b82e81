import { asProblem, type ApiProblem } from '../api/problem';
import { copyText } from './copying';
import type { Modama } from './modama';

/** The facts of an error that say where it was, and are no secrets. */
const PLACES = ['project', 'session', 'path'] as const;

/** What whoever helps wants to know of an error, as lines of text in the words of the server. */
export function detailsOf({ problem, code, operation }: ApiProblem, version: string, now: Date): string {
    const rows: [string, unknown][] = [
        ['MODAMA', version],
        ['time', now.toISOString()],
        ['operation', operation],
        ['error', `${code} (${problem.status})`],
        ['id', problem.instance],
        ...PLACES.map((name): [string, unknown] => [name, problem[name]]),
        ['says', problem.detail]
    ];
    return rows
        .filter(([, value]) => typeof value === 'string' && value !== '')
        .map(([name, value]) => `${name}: ${String(value)}`)
        .join('\n');
}

export function copyDetails(modama: Modama, problem: ApiProblem): Promise<void> {
    const { host, server } = modama;
    return copyText(modama, detailsOf(problem, server.version, new Date()), host.trans.__('The details'));
}

/** Tell what went wrong outside of the panel's pages, with the details to copy. */
export function tellProblem(modama: Modama, error: unknown): void {
    const problem = asProblem(error);
    const { host } = modama;
    const copy = { label: host.trans.__('Copy details'), do: () => void copyDetails(modama, problem) };
    host.notify({ kind: 'error', text: problem.message, actions: [copy] });
}

import type { Api } from '../api/client';
import { CONTRACT } from '../api/contract';
import { asProblem } from '../api/problem';
import type { Status } from '../api/types';
import { Value } from './value';

export type ServerState =
    | { kind: 'checking' }
    /** `otherBuild`: of the same version, and yet of another state of the interface. */
    | { kind: 'ready'; status: Status; otherBuild: boolean }
    /** There is a Jupyter server, and it does not know us. */
    | { kind: 'missing' }
    | { kind: 'other-version'; found: string; wanted: string }
    | { kind: 'down'; detail: string };

/** Whether the other half of this program is there and speaks the same language. */
export class ServerPart {
    readonly state = new Value<ServerState>({ kind: 'checking' });

    constructor(
        private api: Api,
        readonly version: string
    ) {}

    async check(): Promise<boolean> {
        this.state.set({ kind: 'checking' });
        try {
            const status = await this.api.status();
            this.state.set(
                series(status.version) === series(this.version)
                    ? { kind: 'ready', status, otherBuild: status.contract !== CONTRACT }
                    : { kind: 'other-version', found: status.version, wanted: this.version }
            );
        } catch (error) {
            const problem = asProblem(error);
            this.state.set(
                problem.code === 'no-server-part'
                    ? { kind: 'missing' }
                    : { kind: 'down', detail: problem.message }
            );
        }
        return this.state.get().kind === 'ready';
    }
}

/** Whether a service takes care of the tree: people sign in somewhere, and can be told things by mail. */
export const isAtHub = (state: ServerState): boolean =>
    state.kind === 'ready' && state.status.mode === 'managed';

/** What has to be equal for two halves to go together: the first two numbers. */
function series(version: string): string {
    return version.split('.').slice(0, 2).join('.');
}

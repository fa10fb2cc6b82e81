import type { Api } from '../api/client';
import type { ServiceStatus } from '../api/types';
import type { News } from './news';
import type { ServerPart } from './serverpart';
import { Value } from './value';

const NONE: ServiceStatus = { address: '', state: 'none', says: '' };
const FIRST_WAIT_MS = 5000;
const LONGEST_WAIT_MS = 60000;

/** Whether changes can be made: in a tree that is not managed, or when its service is there. */
export const takesChanges = ({ state }: Pick<ServiceStatus, 'state'>): boolean =>
    state === 'here' || state === 'none';

/** The service of a managed tree, as the server sees it; looked for again by itself while it is away. */
export class Upstream {
    readonly state = new Value<ServiceStatus>(NONE);

    constructor(
        private api: Api,
        private server: ServerPart,
        news: News,
        private back: () => void
    ) {
        this.stop = server.state.subscribe(() => this.met());
        news.on('service', event => this.took(event.data as unknown as ServiceStatus));
    }

    /** Have it looked for now. */
    again = async (): Promise<void> => {
        clearTimeout(this.timer);
        this.timer = undefined;
        // Where our own server does not answer either, whatever is asked of it next says so.
        const status = await this.api.status().catch(() => undefined);
        if (status) {
            this.took(status.service ?? NONE);
        } else {
            this.wait();
        }
    };

    dispose(): void {
        this.disposed = true;
        this.stop();
        clearTimeout(this.timer);
    }

    private met(): void {
        const state = this.server.state.get();
        if (state.kind === 'ready') {
            // The service's own pages talk with itself, and have nothing above.
            this.took(state.status.service ?? NONE);
        }
    }

    private took(found: ServiceStatus): void {
        const was = takesChanges(this.state.get());
        this.state.set(found);
        if (takesChanges(found)) {
            clearTimeout(this.timer);
            this.timer = undefined;
            this.pause = FIRST_WAIT_MS;
            if (!was) {
                this.back();
            }
        } else {
            this.wait();
        }
    }

    private wait(): void {
        if (this.timer !== undefined || this.disposed) {
            return;
        }
        this.timer = setTimeout(() => void this.again(), this.pause);
        this.pause = Math.min(this.pause * 2, LONGEST_WAIT_MS);
    }

    private timer: ReturnType<typeof setTimeout> | undefined;
    private pause = FIRST_WAIT_MS;
    private disposed = false;
    private stop: () => void;
}

import type { Api } from '../api/client';
import { follow } from '../api/stream';
import type { ModamaEvent } from '../api/types';

const CHANNEL = 'modama-events';

type Listener = (event: ModamaEvent) => void;

/**
 * What happens on the server, as it happens, through one stream for all tabs of a browser.
 *
 * A browser lets only six connections stand at once per server: one tab holds the stream and tells the others. Where
 * the browser has no locks (plain HTTP that is not this machine) each tab has its own.
 */
export class News {
    constructor(private api: Api) {}

    on(type: string, listener: Listener): void {
        this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
    }

    start(): void {
        const key = `${CHANNEL}:${this.api.base}`;
        if (typeof BroadcastChannel === 'undefined' || !globalThis.navigator?.locks) {
            void this.hold(undefined);
            return;
        }
        const channel = new BroadcastChannel(key);
        channel.onmessage = message => this.tell(message.data as ModamaEvent);
        this.stop.signal.addEventListener('abort', () => channel.close());
        navigator.locks
            .request(key, { signal: this.stop.signal }, () => this.hold(channel))
            .catch(() => undefined); // given up while waiting
    }

    dispose(): void {
        this.stop.abort();
    }

    private hold(channel: BroadcastChannel | undefined): Promise<void> {
        const event = (heard: ModamaEvent) => {
            this.tell(heard);
            channel?.postMessage(heard);
        };
        return follow(this.api, { event, connected: () => undefined }, this.stop.signal);
    }

    private tell(event: ModamaEvent): void {
        for (const listener of this.listeners.get(event.type) ?? []) {
            listener(event);
        }
    }

    private listeners = new Map<string, Listener[]>();
    private stop = new AbortController();
}

import type { Api } from './client';
import type { ModamaEvent } from './types';

/** What the text of an event stream says, as far as it is complete; `rest` is the unfinished end. */
export function parseEvents(text: string): { events: { id: string; data: string }[]; rest: string } {
    const blocks = text.replace(/\r\n?/g, '\n').split('\n\n');
    const rest = blocks.pop() ?? '';
    const events = [];
    for (const block of blocks) {
        const lines = block.split('\n').filter(line => line !== '' && !line.startsWith(':'));
        const values = (name: string) =>
            lines
                .filter(line => line.startsWith(`${name}:`))
                .map(line => line.slice(name.length + 1).replace(/^ /, ''));
        const data = values('data').join('\n');
        if (data) {
            events.push({ id: values('id').pop() ?? '', data });
        }
    }
    return { events, rest };
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30000;

export interface StreamListener {
    event(event: ModamaEvent): void;
    /** Whether the stream stands; while it does not, somebody else has to ask. */
    connected(is: boolean): void;
}

/** Read the event stream until `signal` ends it; a broken one is taken up again where it stopped. */
export async function follow(api: Api, listener: StreamListener, signal: AbortSignal): Promise<void> {
    let last = '';
    let wait = FIRST_WAIT_MS;
    while (!signal.aborted) {
        try {
            const response = await api.events(last, signal);
            listener.connected(true);
            wait = FIRST_WAIT_MS;
            for await (const { id, data } of read(response)) {
                last = id || last;
                listener.event(JSON.parse(data) as ModamaEvent);
            }
        } catch {
            // Whatever broke the stream, what is left to do is the same: say so, wait, and try again.
        }
        listener.connected(false);
        await pause(wait, signal);
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
}

async function* read(response: Response): AsyncGenerator<{ id: string; data: string }> {
    const reader = response.body?.getReader();
    const decoder = new TextDecoder();
    let text = '';
    while (reader) {
        const { done, value } = await reader.read();
        if (done) {
            return;
        }
        const { events, rest } = parseEvents(text + decoder.decode(value, { stream: true }));
        text = rest;
        for (const event of events) {
            yield event;
        }
    }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener('abort', () => {
            clearTimeout(timer);
            resolve();
        });
    });
}

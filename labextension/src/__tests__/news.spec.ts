import { follow } from '../api/stream';
import type { ModamaEvent } from '../api/types';
import { News } from '../services/news';
import { FakeApi } from './server';

/** A stream that says these texts, one after the other, and then ends. */
function streamOf(...texts: string[]): Response {
    const left = texts.map(text => new TextEncoder().encode(text));
    const read = () =>
        Promise.resolve(left.length > 0 ? { done: false, value: left.shift() } : { done: true });
    return { body: { getReader: () => ({ read, cancel: () => Promise.resolve() }) } } as unknown as Response;
}

const event = (id: number) => `id: ${id}\nevent: job\ndata: {"id": ${id}, "type": "job", "data": {}}\n\n`;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('a broken stream is taken up after the last event that came', async () => {
    const api = new FakeApi();
    const asked: string[] = [];
    const streams = [streamOf(event(1) + event(2).slice(0, 9), event(2).slice(9)), streamOf(event(3))];
    api.events = (last = '') => {
        asked.push(last);
        const next = streams.shift();
        return next ? Promise.resolve(next) : Promise.reject(new Error('gone'));
    };
    const heard: ModamaEvent[] = [];
    const states: boolean[] = [];
    const stop = new AbortController();
    const done = follow(api, { event: e => heard.push(e), connected: is => states.push(is) }, stop.signal);
    await jest.advanceTimersByTimeAsync(5000);
    expect(heard.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(asked.slice(0, 3)).toEqual(['', '2', '3']);
    expect(states.slice(0, 4)).toEqual([true, false, true, false]);
    stop.abort();
    await done;
});

test('a server that does not answer is asked ever more rarely', async () => {
    const api = new FakeApi();
    let asked = 0;
    api.events = () => {
        asked += 1;
        return Promise.reject(new Error('down'));
    };
    const stop = new AbortController();
    const done = follow(api, { event: () => undefined, connected: () => undefined }, stop.signal);
    await jest.advanceTimersByTimeAsync(120_000);
    expect(asked).toBeGreaterThan(4);
    expect(asked).toBeLessThan(12);
    stop.abort();
    await done;
});

test('who listens for a type hears that type only', async () => {
    const api = new FakeApi();
    const streams = [streamOf(event(1))];
    api.events = () => Promise.resolve(streams.shift() ?? streamOf());
    const news = new News(api);
    const heard: string[] = [];
    news.on('job', ({ type }) => heard.push(type));
    news.on('seal', ({ type }) => heard.push(type));
    news.start();
    await jest.advanceTimersByTimeAsync(500);
    news.dispose();
    expect(heard).toEqual(['job']);
});

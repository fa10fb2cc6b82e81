import { unpacked } from '../services/image/raster';
import { problemOf, unreachable } from './problem';
import type {
    Answer,
    Frame,
    FrameOptions,
    OpenedInLibertem,
    OperationName,
    Preview,
    PreviewFacts,
    PreviewOptions,
    Status,
    Wanted
} from './types';

/** How a request is sent; a host adds what its server wants to see (XSRF, token). */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The server, as the interface sees it. */
export interface Api {
    /** The address that all other addresses begin with, with a slash at the end. */
    readonly base: string;
    call<K extends OperationName>(op: K, wanted: Wanted<K>, signal?: AbortSignal): Promise<Answer<K>>;
    status(signal?: AbortSignal): Promise<Status>;
    preview(at: Located, options: PreviewOptions, signal?: AbortSignal): Promise<Preview>;
    /** The numbers of a frame, or of a part of it. */
    frame(at: Located, options: FrameOptions, signal?: AbortSignal): Promise<Frame>;
    openInLibertem(at: Located, parameters?: Record<string, unknown>): Promise<OpenedInLibertem>;
    /** Append a piece to a file that was begun with `upload.begin`. */
    uploadPiece(wanted: PieceWanted, piece: Uint8Array, signal?: AbortSignal): Promise<{ offset: number }>;
    /** Where the selection that `download.prepare` has kept is fetched. */
    zipAddress(ticket: string): string;
    /** Make a data tree in the person's home, for a server that has none. */
    makeRoot(): Promise<Status>;
    /** The event stream, from after the event `last` on. */
    events(last: string, signal: AbortSignal): Promise<Response>;
}

/** Which file a piece is of, and where in it the piece begins. */
export interface PieceWanted extends Located {
    name: string;
    size_bytes: number;
    modified_ms: number;
    offset: number;
}

/** Whatever has a path: an entry, a session, a project. */
export interface Located {
    path: string;
    path_b64?: string;
}

/** The fields that name a path on the wire. */
export function at(located: Located): { path: string; path_b64?: string } {
    return located.path_b64 ? { path: located.path, path_b64: located.path_b64 } : { path: located.path };
}

/** The server behind `fetch`; `base` is the Jupyter server's address with a slash at the end, `api` the part below it. */
export function connect(base: string, fetch: Fetch, api = 'modama/api/'): Api {
    const root = `${base}${api}`;

    async function send(path: string, init: RequestInit): Promise<Response> {
        let response: Response;
        const operation = path.replace(/\?.*/, '');
        try {
            response = await fetch(root + path, { ...init, cache: 'no-store' });
        } catch (error) {
            if (init.signal?.aborted) {
                throw error;
            }
            throw unreachable(error instanceof Error ? error.message : String(error), operation);
        }
        if (!response.ok) {
            throw await problemOf(response, operation);
        }
        return response;
    }

    async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
        const headers = { 'Content-Type': 'application/json' };
        const response = await send(path, { method: 'POST', headers, body: JSON.stringify(body), signal });
        return (await response.json()) as T;
    }

    return {
        base,
        call: (op, wanted, signal) => post(op, wanted, signal),
        status: async signal => (await (await send('status', { signal })).json()) as Status,
        openInLibertem: async (located, parameters) => {
            const wanted = { ...at(located), ...(parameters ? { parameters } : {}) };
            const opened = await post<OpenedInLibertem>('libertem.open', wanted);
            return { ...opened, url: base + opened.url.replace(/^\//, '') };
        },
        makeRoot: () => post('root.make', {}),
        uploadPiece: async (wanted, piece, signal) => {
            const headers = { 'Content-Type': 'application/octet-stream' };
            const init = { method: 'PUT', headers, body: piece, signal };
            return (await (await send(`upload?${query({ ...wanted })}`, init)).json()) as {
                offset: number;
            };
        },
        zipAddress: ticket => `${root}download.zip?${query({ ticket })}`,
        preview: async (located, options, signal) => {
            const response = await send(`preview?${query({ ...at(located), ...options })}`, { signal });
            return { blob: await response.blob(), facts: factsOf(response) };
        },
        frame: async (located, options, signal) => {
            const response = await send(`frame?${query({ ...at(located), ...options })}`, { signal });
            return unpacked(await response.arrayBuffer());
        },
        events: (last, signal) =>
            send('events', {
                signal,
                headers: { Accept: 'text/event-stream', ...(last ? { 'Last-Event-ID': last } : {}) }
            })
    };
}

function query(fields: object): string {
    const found = new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) {
        if (value !== undefined) {
            found.set(name, String(value));
        }
    }
    return found.toString();
}

/** What the server says about a picture, beside the picture. */
function factsOf(response: Response): PreviewFacts {
    return JSON.parse(response.headers.get('X-Modama-Preview') ?? '{}') as PreviewFacts;
}

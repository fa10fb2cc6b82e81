import type { Located } from '../api/client';

/** A path as a part of an address, byte by byte where it is no text. */
export function encoded({ path, path_b64 }: Located): string {
    const bytes = path_b64 ? bytesOf(path_b64) : new TextEncoder().encode(path);
    return Array.from(bytes, byte => {
        const sign = String.fromCharCode(byte);
        return /[A-Za-z0-9_.~/-]/.test(sign) ? sign : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    }).join('');
}

function bytesOf(base64: string): Uint8Array {
    const text = atob(base64.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(text, sign => sign.charCodeAt(0));
}

/** The path that is written in an address below `base`; what is no text comes with its bytes. */
export function located(address: string, base: string): Located {
    const raw = new URL(address).pathname.slice(new URL(base).pathname.length).replace(/^\/+|\/+$/g, '');
    try {
        return { path: decodeURIComponent(raw) };
    } catch {
        const bytes = raw.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
            String.fromCharCode(parseInt(hex, 16))
        );
        return { path: raw, path_b64: btoa(bytes).replace(/\+/g, '-').replace(/\//g, '_') };
    }
}

import type { Modama } from './modama';

/** Copy a text and say so. */
export async function copyText(modama: Modama, text: string, what: string): Promise<void> {
    const { host } = modama;
    try {
        await host.copy(text);
        host.notify({ kind: 'success', text: host.trans.__('%1 copied.', what) });
    } catch {
        host.notify({
            kind: 'warning',
            text: host.trans.__('The browser does not let us copy; it is: %1', text)
        });
    }
}

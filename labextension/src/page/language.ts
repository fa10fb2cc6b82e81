import { speak, type Catalogue } from './words';

/** Where the catalogues lie beside the script, by language. */
const CATALOGUES: Record<string, URL> = {
    de: new URL('../../../jupyter_modama/locale/de_DE/LC_MESSAGES/jupyter_modama.json', import.meta.url)
};

/** Speak the first of the browser's languages that the page knows; where none is, or it cannot be had, English. */
export async function speakAsBrowser(): Promise<void> {
    const known = navigator.languages.find(one => one.startsWith('en') || one.split('-')[0] in CATALOGUES);
    const address = CATALOGUES[known?.split('-')[0] ?? ''];
    if (!known || !address) {
        return;
    }
    const answer = await fetch(address).catch(() => undefined);
    if (answer?.ok) {
        speak(known, (await answer.json()) as Catalogue);
        document.documentElement.lang = known;
    }
}

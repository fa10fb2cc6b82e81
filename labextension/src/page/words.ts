import { writing } from '../services/format';
import type { Translation } from '../ui/host';

/** A compiled catalogue: the forms of each text. `""` is about the catalogue itself. */
export type Catalogue = Record<string, string[]>;

let catalogue: Catalogue = {};

/** The texts of a page, in English as in the code until there is a catalogue. */
export const trans: Translation = {
    __: (text, ...values) => filled(catalogue[text]?.[0] ?? text, values),
    _n: (one, many, count, ...values) => {
        // The languages that there are have a form for one thing, and one for any other number of them.
        const form = count === 1 ? 0 : 1;
        return filled(catalogue[one]?.[form] ?? [one, many][form], [count, ...values]);
    }
};

/** Speak the language of a catalogue from now on. */
export function speak(locale: string, { '': _, ...texts }: Catalogue): void {
    catalogue = texts;
    writing.set({ ...writing.get(), locale });
}

function filled(text: string, values: unknown[]): string {
    return text.replace(/%(\d+)/g, (whole, index) =>
        Number(index) <= values.length ? String(values[Number(index) - 1]) : whole
    );
}

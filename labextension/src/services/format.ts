import { Value } from './value';

/** How numbers and moments are written. */
export interface Writing {
    /** The language, as browsers name it; undefined: the browser's own. */
    locale: string | undefined;
    /** Sizes in powers of 1024 (KiB), or of 1000 (kB). */
    sizes: 'IEC' | 'SI';
    /** Days as 2024-11-12, like the names of sessions, or as the language writes them. */
    dates: 'ISO' | 'language';
}

/** One for everything that is shown: whoever shows something is drawn anew when it changes (see `App`). */
export const writing = new Value<Writing>({ locale: undefined, sizes: 'IEC', dates: 'ISO' });

const UNITS = {
    IEC: { step: 1024, names: ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] },
    SI: { step: 1000, names: ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] }
};

/** A size as people read it: three digits and a unit. */
export function bytes(size: number | null | undefined): string {
    if (size === null || size === undefined) {
        return '';
    }
    const { locale, sizes } = writing.get();
    const { step, names } = UNITS[sizes];
    let value = size;
    let unit = 0;
    while (value >= 1000 && unit < names.length - 1) {
        value /= step;
        unit += 1;
    }
    const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
    return `${value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${names[unit]}`;
}

/** A whole number with the separators of the person's language. */
export function amount(count: number | null | undefined): string {
    return count === null || count === undefined ? '' : count.toLocaleString(writing.get().locale);
}

/** A moment in the person's time zone, to the minute. */
export function moment(iso: string | null | undefined): string {
    const date = dateOf(iso);
    if (!date) {
        return iso ?? '';
    }
    const { locale, dates } = writing.get();
    return dates === 'language'
        ? date.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' })
        : `${isoDay(date)} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The day of a moment in the person's time zone. */
export function day(iso: string | null | undefined): string {
    const date = dateOf(iso);
    if (!date) {
        return iso ?? '';
    }
    const { locale, dates } = writing.get();
    return dates === 'language' ? date.toLocaleDateString(locale, { dateStyle: 'short' }) : isoDay(date);
}

function dateOf(iso: string | null | undefined): Date | undefined {
    const date = new Date(iso || NaN);
    return Number.isNaN(date.getTime()) ? undefined : date;
}

const two = (n: number): string => String(n).padStart(2, '0');

const isoDay = (date: Date): string =>
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

/** A length of time, roughly: `2 h 5 min`, `48 s`. */
export function span(seconds: number): string {
    const whole = Math.max(0, Math.round(seconds));
    const parts = [
        [Math.floor(whole / 86400), 'd'],
        [Math.floor((whole % 86400) / 3600), 'h'],
        [Math.floor((whole % 3600) / 60), 'min'],
        [whole % 60, 's']
    ] as const;
    const told = parts.filter(([n]) => n > 0).slice(0, 2);
    return told.length > 0 ? told.map(([n, unit]) => `${n} ${unit}`).join(' ') : '0 s';
}

/** The countdown to a moment, as `14:59`; empty when it is over. */
export function countdown(until: string, now: number): string {
    const left = Math.floor((Date.parse(until) - now) / 1000);
    return left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}` : '';
}

/** The present day in the person's time zone, as a field for days takes it. */
export const today = (): string => isoDay(new Date());

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A size as people read it: three digits and a unit. */
export function bytes(size: number | null | undefined): string {
    if (size === null || size === undefined) {
        return '';
    }
    let value = size;
    let unit = 0;
    while (value >= 1000 && unit < UNITS.length - 1) {
        value /= 1024;
        unit += 1;
    }
    const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
    return `${value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${UNITS[unit]}`;
}

/** A whole number with the separators of the person's language. */
export function amount(count: number | null | undefined): string {
    return count === null || count === undefined ? '' : count.toLocaleString();
}

/** A moment in the person's time zone, to the minute. */
export function moment(iso: string | null | undefined): string {
    if (!iso) {
        return '';
    }
    const date = new Date(iso);
    const two = (n: number) => String(n).padStart(2, '0');
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    return Number.isNaN(date.getTime()) ? iso : `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

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
export const today = (): string => moment(new Date().toISOString()).slice(0, 10);

/** A number with a unit in which it is easily read. */
export interface Quantity {
    value: number;
    unit: string;
}

const METRES: Record<string, number> = { pm: 1e-12, Å: 1e-10, nm: 1e-9, µm: 1e-6, mm: 1e-3, cm: 1e-2, m: 1 };
const SHOWN = ['pm', 'nm', 'µm', 'mm', 'm'];
const SAME: Record<string, string> = {
    A: 'Å',
    Angstrom: 'Å',
    angstrom: 'Å',
    '\u212b': 'Å',
    um: 'µm',
    '\u03bcm': 'µm',
    micron: 'µm',
    microns: 'µm'
};

/** A unit as we write it. */
export function plainUnit(unit: string): string {
    const trimmed = unit.trim();
    return SAME[trimmed] ?? trimmed;
}

/** The unit of which this one is the reciprocal (`nm` of `1/nm`, `nm^-1`, `nm⁻¹`); undefined where it is none. */
export function reciprocalOf(unit: string): string | undefined {
    const found = /^1\s*\/\s*(.+)$|^(.+?)(?:\^-1|⁻¹)$/.exec(unit.trim());
    const inner = found?.[1] ?? found?.[2];
    return inner === undefined ? undefined : plainUnit(inner.replace(/^\((.*)\)$/, '$1'));
}

/** The reciprocal unit: `1/nm` of `nm`, and `nm` of `1/nm`; '' of none. */
export function inverse(unit: string): string {
    return unit === '' ? '' : (reciprocalOf(unit) ?? `1/${plainUnit(unit)}`);
}

/** A length in the unit in which it has one to three digits before the point; other things as they are. */
export function readable({ value, unit }: Quantity): Quantity {
    const metres = METRES[plainUnit(unit)];
    if (metres === undefined || value === 0 || !Number.isFinite(value)) {
        return { value, unit: plainUnit(unit) };
    }
    const length = Math.abs(value) * metres;
    const best = [...SHOWN].reverse().find(name => length >= METRES[name] * (1 - 1e-9)) ?? 'pm';
    return { value: (value * metres) / METRES[best], unit: best };
}

/** A length in nm, in which distances of planes are told; other things as they are. */
export function inNanometres({ value, unit }: Quantity): Quantity {
    const metres = METRES[plainUnit(unit)];
    return metres === undefined
        ? { value, unit: plainUnit(unit) }
        : { value: value * (metres / 1e-9), unit: 'nm' };
}

/** A number with four digits, and its unit. */
export function told({ value, unit }: Quantity, digits = 4): string {
    const number = Number(value.toPrecision(digits));
    const text =
        number !== 0 && (Math.abs(number) >= 1e6 || Math.abs(number) < 1e-4)
            ? number.toExponential()
            : number.toLocaleString(undefined, { maximumSignificantDigits: digits });
    return unit ? `${text} ${unit}` : text;
}

/** A bar of a round length: 1, 2 or 5 times a power of ten. */
export interface ScaleBar {
    /** Its length in pixels of the frame. */
    pixels: number;
    label: string;
}

/** The longest round bar that is not longer than `room` pixels of the frame; without a unit in pixels. */
export function scaleBar(pixelSize: number, unit: string, room: number, pixelWord: string): ScaleBar {
    const known = unit !== '' && pixelSize > 0 && Number.isFinite(pixelSize);
    const { value, unit: shown } = readable(
        known ? { value: pixelSize * room, unit } : { value: room, unit: pixelWord }
    );
    const power = 10 ** Math.floor(Math.log10(value));
    const round = [5, 2, 1].find(step => step * power <= value * (1 + 1e-9)) ?? 1;
    const length = round * power;
    return { pixels: (length / value) * room, label: told({ value: length, unit: shown }) };
}

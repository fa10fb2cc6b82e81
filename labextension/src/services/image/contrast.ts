import { LUT_SIZE, type Palette } from './colours';
import type { Numbers, Raster } from './raster';

/** Which values are drawn darkest and brightest, and what happens in between. */
export interface Look {
    range: 'percentile' | 'minmax' | 'manual';
    /** For `percentile`: how much of the pixels is below and above. */
    percents: readonly [number, number];
    /** For `manual`. */
    limits: readonly [number, number];
    log: boolean;
    gamma: number;
    palette: Palette;
}

export const PLAIN_LOOK: Look = {
    range: 'percentile',
    percents: [0.5, 99.8],
    limits: [0, 1],
    log: false,
    gamma: 1,
    palette: 'grey'
};

export interface Limits {
    low: number;
    high: number;
    /** The smallest number of all, from where a logarithm is taken. */
    floor: number;
}

/** The values that are drawn darkest and brightest. */
export function limitsOf(values: Numbers, look: Look): Limits {
    const [smallest, largest] = extent(values);
    const whole = { low: smallest, high: largest, floor: smallest };
    if (look.range === 'manual') {
        return { ...whole, low: look.limits[0], high: look.limits[1] };
    }
    if (look.range === 'minmax') {
        return whole;
    }
    const [low, high] = percentiles(values, look.percents);
    // A dark field with a few bright spots has all its percentiles at zero.
    return high > low ? { ...whole, low, high } : whole;
}

/** The smallest and the largest number; what is no number does not count. */
export function extent(values: Numbers): [number, number] {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
        if (value < low && value !== -Infinity) {
            low = value;
        }
        if (value > high && value !== Infinity) {
            high = value;
        }
    }
    return low > high ? [0, 0] : [low, high];
}

/** Percentiles as numpy has them, with linear interpolation; what is no number does not count. */
export function percentiles(values: Numbers, percents: readonly number[]): number[] {
    const good = Float64Array.from(values).filter(Number.isFinite);
    return percents.map(percent => {
        if (good.length === 0) {
            return 0;
        }
        const at = (Math.min(100, Math.max(0, percent)) / 100) * (good.length - 1);
        const low = kth(good, Math.floor(at));
        const high = kth(good, Math.ceil(at));
        return low + (high - low) * (at - Math.floor(at));
    });
}

/** The k-th smallest number, by Hoare's selection; changes the order of the numbers. */
export function kth(numbers: Float64Array, k: number): number {
    let left = 0;
    let right = numbers.length - 1;
    while (left < right) {
        const pivot = numbers[(left + right) >> 1];
        let i = left;
        let j = right;
        while (i <= j) {
            while (numbers[i] < pivot) {
                i += 1;
            }
            while (numbers[j] > pivot) {
                j -= 1;
            }
            if (i <= j) {
                [numbers[i], numbers[j]] = [numbers[j], numbers[i]];
                i += 1;
                j -= 1;
            }
        }
        if (k <= j) {
            right = j;
        } else if (k >= i) {
            left = i;
        } else {
            break;
        }
    }
    return numbers[k];
}

/** Where a value lies between dark (0) and bright (1). */
export function brightness(value: number, { low, high, floor }: Limits, { log, gamma }: Look): number {
    const [a, b, v] = log
        ? [low, high, value].map(n => Math.log1p(Math.max(0, n - floor)))
        : [low, high, value];
    const part = b > a ? Math.min(1, Math.max(0, (v - a) / (b - a))) : v > a ? 1 : 0;
    return gamma === 1 ? part : part ** gamma;
}

/** The pixels of a raster as red, green, blue, opacity; `table` has the colours from dark to bright. */
export function painted(raster: Raster, limits: Limits, look: Look, table: Uint8Array): Uint8ClampedArray {
    const count = raster.columns * raster.rows;
    const pixels = new Uint8ClampedArray(4 * count);
    if (raster.coloured) {
        for (let i = 0; i < count; i += 1) {
            pixels.set(
                [raster.values[3 * i], raster.values[3 * i + 1], raster.values[3 * i + 2], 255],
                4 * i
            );
        }
        return pixels;
    }
    const top = LUT_SIZE - 1;
    // What is the same for all pixels is reckoned once: this loop is most of the time from a slider to the picture.
    const { floor } = limits;
    const low = look.log ? Math.log1p(Math.max(0, limits.low - floor)) : limits.low;
    const high = look.log ? Math.log1p(Math.max(0, limits.high - floor)) : limits.high;
    const scale = high > low ? 1 / (high - low) : Infinity;
    for (let i = 0; i < count; i += 1) {
        const value = raster.values[i];
        if (Number.isNaN(value)) {
            continue; // stays transparent
        }
        const raised = (look.log ? Math.log1p(Math.max(0, value - floor)) : value) - low;
        const linear = raised <= 0 ? 0 : Math.min(1, raised * scale);
        const at = 3 * Math.round(top * (look.gamma === 1 ? linear : linear ** look.gamma));
        pixels[4 * i] = table[at];
        pixels[4 * i + 1] = table[at + 1];
        pixels[4 * i + 2] = table[at + 2];
        pixels[4 * i + 3] = 255;
    }
    return pixels;
}

/** How many values lie in each of `bins` equal parts between two values. */
export function histogram(values: Numbers, low: number, high: number, bins: number): Uint32Array {
    const counts = new Uint32Array(bins);
    const scale = high > low ? bins / (high - low) : 0;
    for (const value of values) {
        if (value >= low && value <= high) {
            counts[Math.min(bins - 1, Math.floor((value - low) * scale))] += 1;
        }
    }
    return counts;
}

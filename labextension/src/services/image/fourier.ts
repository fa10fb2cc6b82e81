import type { Calibration, Numbers, Raster } from './raster';
import { inverse } from './units';

const LARGEST = 1024;

/** The power spectrum of the middle of an image, zero frequency in the middle, and how large its pixels are. */
export interface Spectrum {
    raster: Raster;
    calibration: Calibration;
}

/** The transform of the largest square of 2^n pixels in the middle of a raster; undefined where there is none. */
export function spectrumOf(raster: Raster, scale: Calibration): Spectrum | undefined {
    const short = Math.min(raster.columns, raster.rows, LARGEST);
    const size = 2 ** Math.floor(Math.log2(short));
    if (raster.coloured || !(size >= 8)) {
        return undefined;
    }
    const values = power(windowed(raster, size), size);
    return {
        raster: { values, columns: size, rows: size, left: 0, top: 0, stepX: 1, stepY: 1, coloured: false },
        calibration: {
            x: 1 / (size * raster.stepX * scale.x),
            y: 1 / (size * raster.stepY * scale.y),
            unit: scale.unit === '' ? '' : inverse(scale.unit)
        }
    };
}

/** The middle square without its mean, faded out at the edges by a Hann window, so that edges make no cross. */
export function windowed({ values, columns, rows }: Raster, size: number): Float64Array {
    const left = (columns - size) >> 1;
    const top = (rows - size) >> 1;
    const found = new Float64Array(size * size);
    let sum = 0;
    let count = 0;
    for (let y = 0; y < size; y += 1) {
        for (let x = 0; x < size; x += 1) {
            const value = values[(top + y) * columns + left + x];
            found[y * size + x] = value;
            if (Number.isFinite(value)) {
                sum += value;
                count += 1;
            }
        }
    }
    const mean = count ? sum / count : 0;
    const fade = Float64Array.from(
        { length: size },
        (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / size)
    );
    for (let y = 0; y < size; y += 1) {
        for (let x = 0; x < size; x += 1) {
            const value = found[y * size + x];
            found[y * size + x] = (Number.isFinite(value) ? value - mean : 0) * fade[x] * fade[y];
        }
    }
    return found;
}

/** The absolute value of the two-dimensional transform, zero frequency at (size/2, size/2). */
export function power(image: Numbers, size: number): Float32Array {
    const real = Float64Array.from(image);
    const imaginary = new Float64Array(size * size);
    const turn = turns(size);
    const row = [new Float64Array(size), new Float64Array(size)] as const;
    for (let y = 0; y < size; y += 1) {
        const part = [
            real.subarray(y * size, (y + 1) * size),
            imaginary.subarray(y * size, (y + 1) * size)
        ] as const;
        transform(part[0], part[1], turn);
    }
    const found = new Float32Array(size * size);
    const half = size / 2;
    for (let x = 0; x < size; x += 1) {
        for (let y = 0; y < size; y += 1) {
            row[0][y] = real[y * size + x];
            row[1][y] = imaginary[y * size + x];
        }
        transform(row[0], row[1], turn);
        for (let y = 0; y < size; y += 1) {
            const at = ((y + half) % size) * size + ((x + half) % size);
            found[at] = Math.hypot(row[0][y], row[1][y]);
        }
    }
    return found;
}

type Turns = readonly [Float64Array, Float64Array];

/** Cosines and sines of the parts of a full turn. */
export function turns(size: number): Turns {
    const angle = (i: number) => (-2 * Math.PI * i) / size;
    return [
        Float64Array.from({ length: size / 2 }, (_, i) => Math.cos(angle(i))),
        Float64Array.from({ length: size / 2 }, (_, i) => Math.sin(angle(i)))
    ];
}

/** Cooley and Tukey's transform in place; the length is a power of two. */
export function transform(real: Float64Array, imaginary: Float64Array, [cos, sin]: Turns): void {
    const size = real.length;
    for (let i = 1, j = 0; i < size; i += 1) {
        let bit = size >> 1;
        for (; j & bit; bit >>= 1) {
            j ^= bit;
        }
        j ^= bit;
        if (i < j) {
            [real[i], real[j]] = [real[j], real[i]];
            [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
        }
    }
    for (let length = 2; length <= size; length *= 2) {
        const half = length / 2;
        const stride = size / length;
        for (let start = 0; start < size; start += length) {
            for (let k = 0; k < half; k += 1) {
                const [c, s] = [cos[k * stride], sin[k * stride]];
                const [a, b] = [start + k, start + k + half];
                const re = real[b] * c - imaginary[b] * s;
                const im = real[b] * s + imaginary[b] * c;
                real[b] = real[a] - re;
                imaginary[b] = imaginary[a] - im;
                real[a] += re;
                imaginary[a] += im;
            }
        }
    }
}

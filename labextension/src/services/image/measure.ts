import type { Calibration, Point, Raster } from './raster';
import { inNanometres, inverse, readable, reciprocalOf, type Quantity } from './units';

/** A straight line over a frame, in its pixels. */
export interface Line {
    from: Point;
    to: Point;
}

export interface Measured {
    /** The length in pixels of the frame. */
    pixels: number;
    /** The length in the frame's unit; undefined where that is not known. */
    length: Quantity | undefined;
    /** Degrees from the horizontal, against the clock, -180 to 180. */
    angle: number;
    /** The distance of lattice planes that a length in reciprocal space stands for. */
    spacing: Quantity | undefined;
}

/** What a line says; `wavelength` in nm turns angles of diffraction patterns into distances of planes. */
export function measured({ from, to }: Line, scale: Calibration, wavelength?: number): Measured {
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const [x, y] = [dx * scale.x, dy * scale.y];
    const length = Math.hypot(x, y);
    return {
        pixels: Math.hypot(dx, dy),
        length: scale.unit ? readable({ value: length, unit: scale.unit }) : undefined,
        angle: x === 0 && y === 0 ? 0 : (Math.atan2(-y, x) * 180) / Math.PI,
        spacing: spacing(length, scale.unit, wavelength)
    };
}

/** The distance of planes that diffract to this place: d = 1/g, or λ/θ for small angles. */
export function spacing(length: number, unit: string, wavelength?: number): Quantity | undefined {
    if (!(length > 0)) {
        return undefined;
    }
    if (reciprocalOf(unit) !== undefined) {
        return inNanometres({ value: 1 / length, unit: inverse(unit) });
    }
    const radians = { mrad: 1e-3, rad: 1, µrad: 1e-6 }[unit.trim()];
    return radians !== undefined && wavelength !== undefined
        ? { value: wavelength / (length * radians), unit: 'nm' }
        : undefined;
}

/** The wavelength of electrons of this energy (in kV), in nm, with relativity. */
export function wavelengthOf(kilovolts: number): number {
    const volts = kilovolts * 1e3;
    return 1.22642596 / Math.sqrt(volts * (1 + 0.978475598e-6 * volts));
}

/** The values along a line, one each pixel of the raster, between pixels interpolated; `width` lines beside are averaged. */
export function profile(
    raster: Raster,
    { from, to }: Line,
    width = 1
): { distances: Float64Array; values: Float64Array } {
    const step = Math.min(raster.stepX, raster.stepY);
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    const count = Math.max(2, Math.floor(length / step) + 1);
    const across =
        length > 0 ? { x: -(to.y - from.y) / length, y: (to.x - from.x) / length } : { x: 0, y: 0 };
    const values = new Float64Array(count);
    const distances = new Float64Array(count);
    for (let i = 0; i < count; i += 1) {
        const part = i / (count - 1);
        const [x, y] = [from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part];
        let sum = 0;
        let good = 0;
        for (let line = 0; line < width; line += 1) {
            const aside = (line - (width - 1) / 2) * step;
            const value = between(raster, { x: x + across.x * aside, y: y + across.y * aside });
            if (Number.isFinite(value)) {
                sum += value;
                good += 1;
            }
        }
        values[i] = good ? sum / good : NaN;
        distances[i] = length * part;
    }
    return { distances, values };
}

/** The value at a place between the middles of pixels, bilinear; NaN beside the raster. */
export function between(raster: Raster, { x, y }: Point): number {
    const column = (x - raster.left) / raster.stepX - 0.5;
    const row = (y - raster.top) / raster.stepY - 0.5;
    if (
        raster.coloured ||
        column < -0.5 ||
        row < -0.5 ||
        column > raster.columns - 0.5 ||
        row > raster.rows - 0.5
    ) {
        return NaN;
    }
    const at = (r: number, c: number) =>
        raster.values[
            Math.min(raster.rows - 1, Math.max(0, r)) * raster.columns +
                Math.min(raster.columns - 1, Math.max(0, c))
        ];
    const [r, c] = [Math.floor(row), Math.floor(column)];
    const [down, right] = [row - r, column - c];
    return (
        (at(r, c) * (1 - right) + at(r, c + 1) * right) * (1 - down) +
        (at(r + 1, c) * (1 - right) + at(r + 1, c + 1) * right) * down
    );
}

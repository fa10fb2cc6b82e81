import type { FrameFacts, Signal } from '../../api/types';

export type Numbers =
    | Uint8Array
    | Int8Array
    | Uint16Array
    | Int16Array
    | Uint32Array
    | Int32Array
    | Float32Array
    | Float64Array;

/** Numbers in rows, and which part of a frame they are; each is the mean of `stepX` x `stepY` pixels of it. */
export interface Raster {
    values: Numbers;
    columns: number;
    rows: number;
    left: number;
    top: number;
    stepX: number;
    stepY: number;
    /** Three bytes a pixel instead of one number. */
    coloured: boolean;
}

/** A place in a frame, in its pixels; whole numbers are corners of pixels. */
export interface Point {
    x: number;
    y: number;
}

const ARRAYS = {
    uint8: Uint8Array,
    int8: Int8Array,
    uint16: Uint16Array,
    int16: Int16Array,
    uint32: Uint32Array,
    int32: Int32Array,
    float32: Float32Array,
    float64: Float64Array,
    rgb: Uint8Array
} as const;

/** What came over the wire: the length of a JSON head (4 bytes), the head, filled up to a multiple of 8, then the numbers. */
export function unpacked(body: ArrayBuffer): { facts: FrameFacts; raster: Raster } {
    const length = new DataView(body).getUint32(0, true);
    const head = new TextDecoder().decode(new Uint8Array(body, 4, length));
    const facts = JSON.parse(head) as FrameFacts;
    const kind = ARRAYS[facts.dtype as keyof typeof ARRAYS];
    const count = facts.columns * facts.rows * (facts.dtype === 'rgb' ? 3 : 1);
    return {
        facts,
        raster: {
            values: new kind(body, Math.ceil((4 + length) / 8) * 8, count),
            columns: facts.columns,
            rows: facts.rows,
            left: facts.left ?? 0,
            top: facts.top ?? 0,
            stepX: facts.step_x ?? 1,
            stepY: facts.step_y ?? 1,
            coloured: facts.dtype === 'rgb'
        }
    };
}

/** The number at a place of the frame; undefined beside it, and where pixels have colours instead. */
export function valueAt(raster: Raster, { x, y }: Point): number | undefined {
    const column = Math.floor((x - raster.left) / raster.stepX);
    const row = Math.floor((y - raster.top) / raster.stepY);
    const inside = column >= 0 && row >= 0 && column < raster.columns && row < raster.rows;
    return inside && !raster.coloured ? raster.values[row * raster.columns + column] : undefined;
}

/** Whether a raster holds a place. */
export function covers(raster: Raster, { x, y }: Point): boolean {
    return (
        x >= raster.left &&
        y >= raster.top &&
        x <= raster.left + raster.columns * raster.stepX &&
        y <= raster.top + raster.rows * raster.stepY
    );
}

/** How large one pixel is, in which unit; a unit of '' means that nobody knows. */
export interface Calibration {
    x: number;
    y: number;
    unit: string;
}

export const PIXELS: Calibration = { x: 1, y: 1, unit: '' };

/** The calibration of a frame, of the last two axes of its signal; pixels where these do not have one unit. */
export function calibrationOf({ axes }: Pick<Signal, 'axes'>): Calibration {
    const [y, x] = axes.filter(axis => !axis.navigate).slice(-2);
    if (!x?.unit || x.unit !== y?.unit || !(x.scale && y.scale)) {
        return PIXELS;
    }
    return { x: Math.abs(x.scale), y: Math.abs(y.scale), unit: x.unit };
}

/** The number of a frame by its place on the navigation axes, and back. */
export function frameAt(place: readonly number[], shape: readonly number[]): number {
    return place.reduce((number, index, axis) => number * shape[axis] + index, 0);
}

export function placeOf(frame: number, shape: readonly number[]): number[] {
    const place: number[] = [];
    let rest = frame;
    for (const size of [...shape].reverse()) {
        place.unshift(rest % size);
        rest = Math.floor(rest / size);
    }
    return place;
}

/** The pixels of a raster that lie in a part of the frame. */
export function cropped(
    raster: Raster,
    part: { left: number; top: number; width: number; height: number }
): Raster {
    const between = (n: number, most: number) => Math.min(most, Math.max(0, n));
    const first = between(Math.floor((part.left - raster.left) / raster.stepX), raster.columns);
    const top = between(Math.floor((part.top - raster.top) / raster.stepY), raster.rows);
    const columns =
        between(Math.ceil((part.left + part.width - raster.left) / raster.stepX), raster.columns) - first;
    const rows = between(Math.ceil((part.top + part.height - raster.top) / raster.stepY), raster.rows) - top;
    if (columns === raster.columns && rows === raster.rows) {
        return raster;
    }
    const each = raster.coloured ? 3 : 1;
    const values = raster.values.slice(0, Math.max(0, columns * rows * each));
    for (let row = 0; row < rows; row += 1) {
        const from = ((top + row) * raster.columns + first) * each;
        values.set(raster.values.subarray(from, from + columns * each), row * columns * each);
    }
    return {
        ...raster,
        values,
        columns,
        rows,
        left: raster.left + first * raster.stepX,
        top: raster.top + top * raster.stepY
    };
}

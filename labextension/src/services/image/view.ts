import type { Point } from './raster';

/** Which part of a frame is seen, and how large: pixels of the screen for one of the frame, and what is in the middle. */
export interface View extends Point {
    scale: number;
}

export interface Size {
    width: number;
    height: number;
}

export interface Region extends Size {
    left: number;
    top: number;
}

const LARGEST = 64;

/** All of a frame, in the middle of a box. */
export function fitted(frame: Size, box: Size): View {
    const scale = Math.min(box.width / frame.width, box.height / frame.height);
    return {
        scale: scale > 0 && Number.isFinite(scale) ? scale : 1,
        x: frame.width / 2,
        y: frame.height / 2
    };
}

export function toScreen(view: View, box: Size, { x, y }: Point): Point {
    return { x: box.width / 2 + (x - view.x) * view.scale, y: box.height / 2 + (y - view.y) * view.scale };
}

export function toFrame(view: View, box: Size, { x, y }: Point): Point {
    return { x: view.x + (x - box.width / 2) / view.scale, y: view.y + (y - box.height / 2) / view.scale };
}

/** Larger or smaller by a factor, while what is at a place of the screen stays there. */
export function zoomed(view: View, factor: number, at: Point, box: Size, frame: Size): View {
    const smallest = fitted(frame, box).scale / 4;
    const scale = Math.min(Math.max(LARGEST, smallest), Math.max(smallest, view.scale * factor));
    const held = toFrame(view, box, at);
    const next = { ...view, scale };
    const moved = toFrame(next, box, at);
    return within({ scale, x: view.x + held.x - moved.x, y: view.y + held.y - moved.y }, frame);
}

/** Moved by pixels of the screen. */
export function panned(view: View, dx: number, dy: number, frame: Size): View {
    return within({ ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale }, frame);
}

/** The middle of the view never leaves the frame, so that nobody gets lost. */
function within(view: View, frame: Size): View {
    const between = (n: number, most: number) => Math.min(most, Math.max(0, n));
    return { ...view, x: between(view.x, frame.width), y: between(view.y, frame.height) };
}

/** The pixels of the frame that are seen, at least in part. */
export function seen(view: View, box: Size, frame: Size): Region {
    const first = toFrame(view, box, { x: 0, y: 0 });
    const last = toFrame(view, box, { x: box.width, y: box.height });
    const left = Math.max(0, Math.floor(first.x));
    const top = Math.max(0, Math.floor(first.y));
    return {
        left,
        top,
        width: Math.max(1, Math.min(frame.width, Math.ceil(last.x)) - left),
        height: Math.max(1, Math.min(frame.height, Math.ceil(last.y)) - top)
    };
}

import { coloursOf } from '../../services/image/colours';
import { painted, type Limits, type Look } from '../../services/image/contrast';
import type { Raster } from '../../services/image/raster';
import { fitted, toScreen, type Region, type Size, type View } from '../../services/image/view';
import type { ScaleBar } from '../../services/image/units';

/** A raster as a picture of its own, to be drawn at any size. */
export interface Layer {
    raster: Raster;
    picture: HTMLCanvasElement;
}

export function layerOf(raster: Raster, limits: Limits, look: Look): Layer {
    const picture = document.createElement('canvas');
    picture.width = raster.columns;
    picture.height = raster.rows;
    const pixels = painted(raster, limits, look, coloursOf(look.palette));
    picture.getContext('2d')?.putImageData(new ImageData(pixels, raster.columns, raster.rows), 0, 0);
    return { raster, picture };
}

/** Draw what a view shows; `ratio` is how many pixels of the screen are one of the page. */
export function draw(canvas: HTMLCanvasElement, layers: Layer[], view: View, box: Size, ratio: number): void {
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
    const context = canvas.getContext('2d');
    if (!context) {
        return;
    }
    context.scale(ratio, ratio);
    for (const { raster, picture } of layers) {
        const corner = toScreen(view, box, { x: raster.left, y: raster.top });
        const [across, down] = [raster.stepX * view.scale, raster.stepY * view.scale];
        // Pixels that are larger than those of the screen are shown as what they are.
        context.imageSmoothingEnabled = across * ratio < 1;
        context.imageSmoothingQuality = 'high';
        context.drawImage(picture, corner.x, corner.y, raster.columns * across, raster.rows * down);
    }
}

const SMALLEST = 512;
const LARGEST = 4096;

/** A part of a frame as a picture by itself, pixel by pixel, with the scale bar drawn into it. */
export function burned(
    layers: Layer[],
    part: Region,
    bar: (room: number) => ScaleBar
): { picture: HTMLCanvasElement; pixelsPerPixel: number } {
    const finest = Math.min(...layers.map(({ raster }) => Math.min(raster.stepX, raster.stepY)));
    const longest = Math.max(part.width, part.height) / finest;
    const scale =
        (longest < SMALLEST ? Math.ceil(SMALLEST / longest) : Math.min(1, LARGEST / longest)) / finest;
    const picture = document.createElement('canvas');
    const box = { width: Math.round(part.width * scale), height: Math.round(part.height * scale) };
    const view = {
        ...fitted(part, box),
        scale,
        x: part.left + part.width / 2,
        y: part.top + part.height / 2
    };
    draw(picture, layers, view, box, 1);
    const context = picture.getContext('2d');
    if (context) {
        stamp(context, box, scale, bar(part.width / 4));
    }
    return { picture, pixelsPerPixel: scale };
}

/** The bar in the lower left corner, white on a dark ground, to be read on any picture. */
function stamp(
    context: CanvasRenderingContext2D,
    box: Size,
    scale: number,
    { pixels, label }: ScaleBar
): void {
    const size = Math.max(12, Math.round(box.width / 32));
    const pad = Math.round(size / 2);
    const length = Math.round(pixels * scale);
    context.font = `${size}px sans-serif`;
    const width = Math.max(length, Math.ceil(context.measureText(label).width)) + 2 * pad;
    const height = size + Math.round(size / 3) + 3 * pad;
    const [left, top] = [pad, box.height - pad - height];
    context.fillStyle = 'rgb(0 0 0 / 70%)';
    context.fillRect(left, top, width, height);
    context.fillStyle = 'white';
    context.textBaseline = 'top';
    context.fillText(label, left + pad, top + pad);
    context.fillRect(left + pad, top + height - pad - Math.round(size / 3), length, Math.round(size / 3));
}

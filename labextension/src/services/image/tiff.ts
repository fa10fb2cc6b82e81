/** A picture in pixels: red, green, blue, opacity. */
export interface Pixels {
    data: Uint8ClampedArray;
    width: number;
    height: number;
}

const SHORT = 3;
const LONG = 4;
const RATIONAL = 5;
const ASCII = 2;

/** An uncompressed TIFF with three bytes a pixel. `pixelsPerCm` tells other programs how large a pixel is. */
export function tiff({ data, width, height }: Pixels, pixelsPerCm?: number, says = ''): Uint8Array {
    const text = new TextEncoder().encode(`${says}\0`);
    const count = 12 + (pixelsPerCm ? 3 : 0);
    const after = 8 + 2 + 12 * count + 4;
    const bits = after;
    const ratio = bits + 6;
    const words = ratio + 16;
    const strip = Math.ceil((words + text.length) / 2) * 2;
    const bytes = new Uint8Array(strip + 3 * width * height);
    const view = new DataView(bytes.buffer);
    bytes.set([0x49, 0x49, 42, 0, 8, 0, 0, 0]); // little endian, the directory follows at once
    view.setUint16(8, count, true);
    let at = 10;
    const tag = (id: number, kind: number, length: number, value: number) => {
        view.setUint16(at, id, true);
        view.setUint16(at + 2, kind, true);
        view.setUint32(at + 4, length, true);
        if (kind === SHORT && length === 1) {
            view.setUint16(at + 8, value, true);
        } else {
            view.setUint32(at + 8, value, true);
        }
        at += 12;
    };
    tag(254, LONG, 1, 0);
    tag(256, LONG, 1, width);
    tag(257, LONG, 1, height);
    tag(258, SHORT, 3, bits);
    tag(259, SHORT, 1, 1);
    tag(262, SHORT, 1, 2);
    // Four bytes or fewer stand in the entry itself.
    tag(270, ASCII, text.length, text.length > 4 ? words : 0);
    tag(273, LONG, 1, strip);
    tag(274, SHORT, 1, 1);
    tag(277, SHORT, 1, 3);
    tag(278, LONG, 1, height);
    tag(279, LONG, 1, 3 * width * height);
    if (pixelsPerCm) {
        tag(282, RATIONAL, 1, ratio);
        tag(283, RATIONAL, 1, ratio + 8);
        tag(296, SHORT, 1, 3);
    }
    [0, 2, 4].forEach(offset => view.setUint16(bits + offset, 8, true));
    const [above, below] = fraction(pixelsPerCm ?? 1);
    [0, 8].forEach(offset => {
        view.setUint32(ratio + offset, above, true);
        view.setUint32(ratio + offset + 4, below, true);
    });
    bytes.set(text, words);
    for (let i = 0, to = strip; i < width * height; i += 1, to += 3) {
        bytes[to] = data[4 * i];
        bytes[to + 1] = data[4 * i + 1];
        bytes[to + 2] = data[4 * i + 2];
    }
    return bytes;
}

/** Two whole numbers of 32 bits whose quotient is this number, as nearly as that goes. */
export function fraction(value: number): [number, number] {
    const below = value >= 1 ? Math.max(1, Math.min(1e6, Math.floor(4e9 / value))) : 1e9;
    return [Math.min(4294967295, Math.round(value * below)), below];
}

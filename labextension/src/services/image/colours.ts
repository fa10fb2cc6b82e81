/** Colours from dark to bright, each by a few of them with even steps between; in each the brightness only goes up. */
const PALETTES = {
    grey: ['#000000', '#ffffff'],
    inverted: ['#ffffff', '#000000'],
    viridis: [
        '#440154',
        '#482475',
        '#414487',
        '#355f8d',
        '#2a788e',
        '#21908d',
        '#22a884',
        '#42be71',
        '#7ad151',
        '#bddf26',
        '#fde725'
    ],
    inferno: [
        '#000004',
        '#160b39',
        '#420a68',
        '#6a176e',
        '#932667',
        '#bc3754',
        '#dd513a',
        '#f37819',
        '#fca50a',
        '#f6d746',
        '#fcffa4'
    ],
    magma: [
        '#000004',
        '#140e36',
        '#3b0f70',
        '#641a80',
        '#8c2981',
        '#b73779',
        '#de4968',
        '#f7705c',
        '#fe9f6d',
        '#fecf92',
        '#fcfdbf'
    ],
    fire: ['#000000', '#7f0000', '#ff3300', '#ff9900', '#ffff66', '#ffffff'],
    ice: ['#000000', '#0b2a5c', '#1769aa', '#4fb3e8', '#b5e4ff', '#ffffff'],
    // Two hues around the middle, for phases and differences.
    diverging: ['#053061', '#4393c3', '#f7f7f7', '#d6604d', '#67001f']
} as const;

export type Palette = keyof typeof PALETTES;

export const PALETTE_NAMES = Object.keys(PALETTES) as Palette[];

export const LUT_SIZE = 1024;

const made = new Map<Palette, Uint8Array>();

/** Red, green and blue of `LUT_SIZE` colours from dark to bright. */
export function coloursOf(palette: Palette): Uint8Array {
    const known = made.get(palette);
    if (known) {
        return known;
    }
    const stops = PALETTES[palette].map(hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16)));
    const table = new Uint8Array(3 * LUT_SIZE);
    for (let i = 0; i < LUT_SIZE; i += 1) {
        const at = (i / (LUT_SIZE - 1)) * (stops.length - 1);
        const below = Math.min(stops.length - 2, Math.floor(at));
        for (let part = 0; part < 3; part += 1) {
            const [a, b] = [stops[below][part], stops[below + 1][part]];
            table[3 * i + part] = Math.round(a + (b - a) * (at - below));
        }
    }
    made.set(palette, table);
    return table;
}

import { coloursOf, LUT_SIZE, PALETTE_NAMES } from '../services/image/colours';
import { brightness, kth, limitsOf, painted, percentiles, PLAIN_LOOK } from '../services/image/contrast';
import { power, spectrumOf, transform, turns } from '../services/image/fourier';
import { between, measured, profile, spacing, wavelengthOf } from '../services/image/measure';
import {
    calibrationOf,
    cropped,
    frameAt,
    placeOf,
    unpacked,
    valueAt,
    type Raster
} from '../services/image/raster';
import { thinned, ticks } from '../services/image/ticks';
import { fraction, tiff } from '../services/image/tiff';
import { inverse, readable, reciprocalOf, scaleBar, told, type Quantity } from '../services/image/units';
import { fitted, panned, seen, toFrame, toScreen, zoomed } from '../services/image/view';

const shown = (found: Quantity | undefined): string => (found ? told(found) : '');

const raster = (values: number[][], more: Partial<Raster> = {}): Raster => ({
    values: Float64Array.from(values.flat()),
    columns: values[0].length,
    rows: values.length,
    left: 0,
    top: 0,
    stepX: 1,
    stepY: 1,
    coloured: false,
    ...more
});

describe('numbers of a frame', () => {
    it('come behind their facts', () => {
        const facts = { dtype: 'uint16', columns: 3, rows: 2, left: 8, top: 4, step_x: 2, step_y: 2 };
        const head = new TextEncoder().encode(JSON.stringify(facts));
        const start = Math.ceil((4 + head.length) / 8) * 8;
        const body = new Uint8Array(start + 12).fill(32);
        new DataView(body.buffer).setUint32(0, start - 4, true);
        body.set(head, 4);
        body.set(new Uint8Array(Uint16Array.of(1, 2, 3, 4, 5, 60000).buffer), start);
        const found = unpacked(body.buffer);
        expect([...found.raster.values]).toEqual([1, 2, 3, 4, 5, 60000]);
        // Means of 2 x 2 pixels, from (8, 4) on.
        expect(valueAt(found.raster, { x: 13.9, y: 6.1 })).toBe(60000);
        expect(valueAt(found.raster, { x: 14, y: 6 })).toBeUndefined();
    });

    it('count frames as numpy does', () => {
        expect(frameAt([1, 2, 3], [4, 5, 6])).toBe(45);
        expect(placeOf(45, [4, 5, 6])).toEqual([1, 2, 3]);
    });

    it('have a calibration only where both axes have one unit', () => {
        const axis = { name: 'x', size: 8, scale: 0.5, offset: 0, unit: 'nm', navigate: false };
        expect(calibrationOf({ axes: [axis, { ...axis, scale: -0.25 }] })).toMatchObject({
            x: 0.25,
            y: 0.5,
            unit: 'nm'
        });
        expect(calibrationOf({ axes: [axis, { ...axis, unit: 's' }] })).toMatchObject({ x: 1, unit: '' });
    });

    it('can be cut to a part', () => {
        const found = cropped(
            raster(
                [
                    [1, 2, 3],
                    [4, 5, 6],
                    [7, 8, 9]
                ],
                { stepX: 2, stepY: 2 }
            ),
            {
                left: 2,
                top: 1,
                width: 4,
                height: 3
            }
        );
        expect([...found.values]).toEqual([2, 3, 5, 6]);
        expect(found).toMatchObject({ left: 2, top: 0, columns: 2, rows: 2 });
    });
});

describe('contrast', () => {
    const values = Float64Array.from({ length: 101 }, (_, i) => ((i * 37) % 101) + (i === 50 ? 1e9 : 0));

    it('has the percentiles of numpy', () => {
        // numpy.percentile(range(101), [0, 2.5, 50, 99.5, 100])
        const plain = Float64Array.from({ length: 101 }, (_, i) => (i * 37) % 101);
        expect(percentiles(plain, [0, 2.5, 50, 99.5, 100])).toEqual([0, 2.5, 50, 99.5, 100]);
        expect(percentiles(Float32Array.of(NaN, 3, Infinity, 1), [50])).toEqual([2]);
    });

    it('finds the k-th of many equal numbers', () => {
        const numbers = Float64Array.from([5, 5, 1, 5, 5, 9, 5]);
        expect([0, 1, 5, 6].map(k => kth(Float64Array.from(numbers), k))).toEqual([1, 5, 5, 9]);
    });

    it('is not spoilt by one hot pixel, and whole where somebody wants that', () => {
        expect(limitsOf(values, { ...PLAIN_LOOK, percents: [0, 99] }).high).toBeLessThan(101);
        expect(limitsOf(values, { ...PLAIN_LOOK, range: 'minmax' }).high).toBeGreaterThan(1e8);
        expect(limitsOf(values, { ...PLAIN_LOOK, range: 'manual', limits: [3, 4] })).toMatchObject({
            low: 3,
            high: 4
        });
        // A few spots on a dark ground: percentiles alone would show nothing.
        expect(limitsOf(Float64Array.of(...Array(1000).fill(0), 7), PLAIN_LOOK)).toMatchObject({
            low: 0,
            high: 7
        });
    });

    it('goes by logarithm and gamma', () => {
        const limits = { low: 0, high: 99, floor: 0 };
        expect(brightness(9, limits, { ...PLAIN_LOOK, log: true })).toBeCloseTo(0.5);
        expect(brightness(99 / 4, limits, { ...PLAIN_LOOK, gamma: 0.5 })).toBeCloseTo(0.5);
        expect(brightness(-5, limits, PLAIN_LOOK)).toBe(0);
    });

    it('paints what it reckons, and nothing where there is no number', () => {
        const look = { ...PLAIN_LOOK, log: true, gamma: 0.7 };
        const limits = { low: 2, high: 50, floor: 1 };
        const pixels = painted(raster([[1, 2, 10, 50, 99, NaN]]), limits, look, coloursOf('grey'));
        const greys = [1, 2, 10, 50, 99].map(value => brightness(value, limits, look) * 255);
        greys.forEach((grey, i) => expect(Math.abs(pixels[4 * i] - grey)).toBeLessThan(1));
        expect([...pixels.slice(20)]).toEqual([0, 0, 0, 0]);
    });

    it.each(PALETTE_NAMES)('has %s with as many colours as are asked for', palette => {
        expect(coloursOf(palette)).toHaveLength(3 * LUT_SIZE);
    });
});

describe('a view', () => {
    const frame = { width: 400, height: 200 };
    const box = { width: 200, height: 200 };

    it('begins with all of the frame, and keeps what is under the pointer', () => {
        const view = fitted(frame, box);
        expect(view).toEqual({ scale: 0.5, x: 200, y: 100 });
        const at = { x: 150, y: 90 };
        const before = toFrame(view, box, at);
        const after = zoomed(view, 3, at, box, frame);
        expect(toScreen(after, box, before).x).toBeCloseTo(at.x);
        expect(toScreen(after, box, before).y).toBeCloseTo(at.y);
    });

    it('sees a part of the frame when it is close, and cannot lose it', () => {
        expect(seen({ scale: 2, x: 100, y: 100 }, box, frame)).toEqual({
            left: 50,
            top: 50,
            width: 100,
            height: 100
        });
        expect(panned(fitted(frame, box), -1e6, 0, frame).x).toBe(400);
    });
});

describe('measuring', () => {
    const line = { from: { x: 10, y: 20 }, to: { x: 13, y: 16 } };

    it('tells length and angle in the unit of the file', () => {
        const found = measured(line, { x: 2, y: 2, unit: 'nm' });
        expect(found.pixels).toBe(5);
        expect(found.length).toEqual({ value: 10, unit: 'nm' });
        expect(found.angle).toBeCloseTo(53.1301);
        expect(found.spacing).toBeUndefined();
        expect(measured(line, { x: 1, y: 1, unit: '' }).length).toBeUndefined();
    });

    it('tells the distance of planes of a length in reciprocal space', () => {
        expect(shown(spacing(5, '1/nm'))).toBe('0.2 nm');
        expect(shown(spacing(0.5, 'Å^-1'))).toBe('0.2 nm');
        // 300 kV: 1.96875 pm; 10 mrad is 0.196875 nm.
        expect(wavelengthOf(300)).toBeCloseTo(0.00196875, 7);
        expect(shown(spacing(10, 'mrad', wavelengthOf(300)))).toBe('0.1969 nm');
        expect(spacing(10, 'mrad')).toBeUndefined();
    });

    it('reads values along a line, between pixels too', () => {
        const ramp = raster(
            Array.from({ length: 8 }, (_, y) => Array.from({ length: 8 }, (_, x) => x + 10 * y))
        );
        expect(between(ramp, { x: 3.5, y: 2.5 })).toBe(23);
        expect(between(ramp, { x: 4, y: 3 })).toBe(28.5);
        const { distances, values } = profile(ramp, { from: { x: 0.5, y: 0.5 }, to: { x: 6.5, y: 0.5 } });
        expect([...values]).toEqual([0, 1, 2, 3, 4, 5, 6]);
        expect([...distances]).toEqual([0, 1, 2, 3, 4, 5, 6]);
        const wide = profile(ramp, { from: { x: 0.5, y: 3.5 }, to: { x: 6.5, y: 3.5 } }, 3);
        expect(wide.values[2]).toBeCloseTo(32);
        expect(between(ramp, { x: 9, y: 1 })).toBeNaN();
    });
});

describe('the Fourier transform', () => {
    it('is that of the definition', () => {
        const size = 16;
        const signal = Float64Array.from({ length: size }, (_, i) => Math.sin(i) + (i % 3));
        const [real, imaginary] = [Float64Array.from(signal), new Float64Array(size)];
        transform(real, imaginary, turns(size));
        for (let k = 0; k < size; k += 1) {
            let [re, im] = [0, 0];
            signal.forEach((value, n) => {
                re += value * Math.cos((2 * Math.PI * k * n) / size);
                im -= value * Math.sin((2 * Math.PI * k * n) / size);
            });
            expect(real[k]).toBeCloseTo(re, 9);
            expect(imaginary[k]).toBeCloseTo(im, 9);
        }
    });

    it('has zero frequency in the middle', () => {
        expect(power(new Float64Array(64).fill(1), 8)[4 * 8 + 4]).toBeCloseTo(64);
    });

    it('shows a lattice at its own distance of planes', () => {
        const size = 256;
        const planes = Array.from({ length: size }, () =>
            Array.from({ length: size }, (_, x) => 5 + Math.cos((2 * Math.PI * x) / 8))
        );
        const found = spectrumOf(raster(planes), { x: 0.02, y: 0.02, unit: 'nm' });
        const values = [...(found?.raster.values ?? [])];
        const brightest = values.indexOf(Math.max(...values));
        const g = Math.abs((brightest % size) - size / 2) * (found?.calibration.x ?? 0);
        expect(Math.floor(brightest / size)).toBe(size / 2);
        // 8 pixels of 0.02 nm.
        expect(shown(spacing(g, found?.calibration.unit ?? ''))).toBe('0.16 nm');
    });
});

describe('units', () => {
    it('are read however they are written', () => {
        expect(['1/nm', 'nm^-1', 'nm⁻¹', '1 / Å'].map(reciprocalOf)).toEqual(['nm', 'nm', 'nm', 'Å']);
        expect([inverse('nm'), inverse('1/nm'), inverse('')]).toEqual(['1/nm', 'nm', '']);
        expect(shown(readable({ value: 2500, unit: 'nm' }))).toBe('2.5 µm');
        expect(readable({ value: 3, unit: 'eV' })).toEqual({ value: 3, unit: 'eV' });
        expect(told({ value: 0.00001234567, unit: 'm' })).toBe('1.235e-5 m');
    });

    it('give a scale bar of a round length', () => {
        expect(scaleBar(0.02, 'nm', 100, 'px')).toEqual({ pixels: 100, label: '2 nm' });
        expect(scaleBar(0.3, 'nm', 5000, 'px').pixels).toBeCloseTo(1000 / 0.3);
        expect(scaleBar(0.3, 'nm', 5000, 'px').label).toBe('1 µm');
        expect(scaleBar(0, '', 130, 'px')).toEqual({ pixels: 100, label: '100 px' });
    });
});

describe('plots', () => {
    it('have round numbers at their axes', () => {
        expect(ticks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
        expect(ticks(-0.13, 0.21, 4)).toEqual([-0.1, 0, 0.1, 0.2]);
    });

    it('keep peaks of a long curve', () => {
        const curve = new Float64Array(100_000);
        curve[77_777] = 5;
        const kept = thinned(curve, 0, curve.length - 1, 300);
        expect(kept.length).toBeLessThanOrEqual(600);
        expect(kept).toContain(77_777);
    });
});

describe('a TIFF', () => {
    it('has its pixels and its size', () => {
        const data = Uint8ClampedArray.from([1, 2, 3, 255, 4, 5, 6, 255]);
        const bytes = tiff({ data, width: 2, height: 1 }, 5e7, 'a.dm4');
        expect([...bytes.slice(0, 4)]).toEqual([0x49, 0x49, 42, 0]);
        expect([...bytes.slice(-6)]).toEqual([1, 2, 3, 4, 5, 6]);
        const [above, below] = fraction(1 / 3e-8);
        expect((above / below) * 3e-8).toBeCloseTo(1, 6);
    });
});

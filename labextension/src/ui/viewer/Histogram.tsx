import { useMemo, type PointerEvent } from 'react';
import { extent, histogram, type Limits } from '../../services/image/contrast';
import type { Numbers } from '../../services/image/raster';
import { useTrans } from '../context';

const BINS = 128;
const HEIGHT = 48;

/** How many pixels have which value; the two limits can be dragged. The fields below do the same by keyboard. */
export function Histogram(props: {
    values: Numbers;
    limits: Limits;
    onLimits(low: number, high: number): void;
}): JSX.Element {
    const { values, limits, onLimits } = props;
    const trans = useTrans();
    const { low, high, path } = useMemo(() => {
        const [low, high] = extent(values);
        const counts = histogram(values, low, high, BINS);
        const most = Math.log1p(Math.max(1, ...counts));
        // By logarithm, or the many pixels of the ground would hide all others.
        const steps = Array.from(counts, (count, bin) => {
            const y = (HEIGHT * (1 - Math.log1p(count) / most)).toFixed(1);
            return `L${bin} ${y}L${bin + 1} ${y}`;
        });
        return { low, high, path: `M0 ${HEIGHT}${steps.join('')}L${BINS} ${HEIGHT}Z` };
    }, [values]);
    const at = (value: number) =>
        (high > low ? (Math.min(high, Math.max(low, value)) - low) / (high - low) : 0) * BINS;
    const drag = (event: PointerEvent<SVGSVGElement>) => {
        if (event.buttons !== 1) {
            return;
        }
        const { left, width } = event.currentTarget.getBoundingClientRect();
        const value = low + Math.min(1, Math.max(0, (event.clientX - left) / width)) * (high - low);
        if (Math.abs(value - limits.low) < Math.abs(value - limits.high)) {
            onLimits(value, limits.high);
        } else {
            onLimits(limits.low, value);
        }
    };
    return (
        <svg
            className="mo-histogram"
            viewBox={`0 0 ${BINS} ${HEIGHT}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={trans.__('Histogram of the values')}
            onPointerDown={drag}
            onPointerMove={drag}
        >
            <path d={path} />
            <line x1={at(limits.low)} x2={at(limits.low)} y1={0} y2={HEIGHT} />
            <line x1={at(limits.high)} x2={at(limits.high)} y1={0} y2={HEIGHT} />
        </svg>
    );
}

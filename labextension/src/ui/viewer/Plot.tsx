import { useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { thinned, ticks } from '../../services/image/ticks';
import { told } from '../../services/image/units';
import { useTrans } from '../context';
import { useBox } from './box';

const LEFT = 56;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 34;

interface Props {
    label: string;
    xs: ArrayLike<number>;
    ys: ArrayLike<number>;
    xName: string;
    xUnit: string;
    log?: boolean;
    /** What is told of the cursor's place beside its two numbers. */
    tall?: boolean;
}

/** A curve with axes, a cursor that tells its numbers, and magnification of a part of it. */
export function Plot({ label, xs, ys, xName, xUnit, log = false, tall = false }: Props): JSX.Element {
    const trans = useTrans();
    const frame = useRef<HTMLDivElement>(null);
    const box = useBox(frame);
    const [part, setPart] = useState<[number, number] | undefined>();
    const [cursor, setCursor] = useState<number | undefined>();
    const [drag, setDrag] = useState<[number, number] | undefined>();
    const last = xs.length - 1;
    const [first, end] = part && part[1] <= last ? part : [0, last];
    const width = Math.max(40, box.width - LEFT - RIGHT);
    const height = Math.max(40, box.height - TOP - BOTTOM);
    const { low, high } = useMemo(() => range(ys, first, end, log), [ys, first, end, log]);
    const across = (index: number) => LEFT + ((index - first) / Math.max(1, end - first)) * width;
    const down = (value: number) => {
        const [a, b, v] = log ? [low, high, Math.max(low, value)].map(Math.log10) : [low, high, value];
        return TOP + height * (1 - (b > a ? (v - a) / (b - a) : 0.5));
    };
    const path = useMemo(
        () =>
            thinned(ys, first, end, Math.round(width))
                .filter(index => Number.isFinite(ys[index]))
                .map(
                    (index, n) => `${n ? 'L' : 'M'}${across(index).toFixed(1)} ${down(ys[index]).toFixed(1)}`
                )
                .join(''),
        [xs, ys, first, end, width, height, low, high, log]
    );
    const index = (event: PointerEvent) => {
        const { left } = frame.current?.getBoundingClientRect() ?? { left: 0 };
        const at = first + ((event.clientX - left - LEFT) / width) * (end - first);
        return Math.round(Math.min(end, Math.max(first, at)));
    };
    const zoom = (factor: number) => {
        const middle = cursor ?? (first + end) / 2;
        const half = Math.max(4, ((end - first) * factor) / 2);
        const from = Math.max(0, Math.round(middle - half));
        const to = Math.min(last, Math.round(middle + half));
        setPart(from === 0 && to === last ? undefined : [from, to]);
    };
    const onKeyDown = (event: KeyboardEvent) => {
        const step = event.shiftKey ? 10 : 1;
        const go = (by: number) => () =>
            setCursor(Math.min(end, Math.max(first, (cursor ?? Math.round((first + end) / 2)) + by)));
        const keys: Record<string, () => void> = {
            ArrowLeft: go(-step),
            ArrowRight: go(step),
            Home: () => setCursor(first),
            End: () => setCursor(end),
            '+': () => zoom(0.5),
            '=': () => zoom(0.5),
            '-': () => zoom(2),
            '0': () => setPart(undefined),
            Escape: () => setPart(undefined)
        };
        const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
        if (act) {
            act();
            event.preventDefault();
            event.stopPropagation();
        }
    };
    const release = () => {
        if (drag && Math.abs(drag[1] - drag[0]) > 3) {
            setPart([Math.min(...drag), Math.max(...drag)]);
        }
        setDrag(undefined);
    };
    const x0 = xs[first];
    const x1 = xs[end];
    const ofX = (value: number) => LEFT + (x1 !== x0 ? (value - x0) / (x1 - x0) : 0) * width;
    return (
        <div className={`mo-plot${tall ? ' mo-tall' : ''}`}>
            <div
                ref={frame}
                className="mo-plot-frame"
                role="application"
                aria-label={label}
                title={trans.__(
                    'Drag: magnify a part. 0 or double click: all of it. Arrow keys: move the cursor.'
                )}
                tabIndex={0}
                onKeyDown={onKeyDown}
                onDoubleClick={() => setPart(undefined)}
                onPointerDown={event => {
                    event.currentTarget.setPointerCapture?.(event.pointerId);
                    setDrag([index(event), index(event)]);
                }}
                onPointerMove={event => {
                    setCursor(index(event));
                    setDrag(old => old && [old[0], index(event)]);
                }}
                onPointerUp={release}
                onPointerLeave={() => !drag && setCursor(undefined)}
            >
                <svg width={box.width} height={box.height} aria-hidden="true">
                    {ticks(Math.min(x0, x1), Math.max(x0, x1), Math.max(2, Math.floor(width / 80))).map(
                        tick => (
                            <g key={tick} className="mo-tick">
                                <line x1={ofX(tick)} x2={ofX(tick)} y1={TOP} y2={TOP + height} />
                                <text x={ofX(tick)} y={TOP + height + 14} textAnchor="middle">
                                    {told({ value: tick, unit: '' }, 6)}
                                </text>
                            </g>
                        )
                    )}
                    {valueTicks(low, high, log, height).map(tick => (
                        <g key={tick} className="mo-tick">
                            <line x1={LEFT} x2={LEFT + width} y1={down(tick)} y2={down(tick)} />
                            <text x={LEFT - 4} y={down(tick) + 3} textAnchor="end">
                                {short(tick)}
                            </text>
                        </g>
                    ))}
                    <text
                        className="mo-axis-name"
                        x={LEFT + width / 2}
                        y={box.height - 4}
                        textAnchor="middle"
                    >
                        {xUnit ? `${xName} (${xUnit})` : xName}
                    </text>
                    {drag && (
                        <rect
                            className="mo-marked"
                            x={Math.min(across(drag[0]), across(drag[1]))}
                            width={Math.abs(across(drag[1]) - across(drag[0]))}
                            y={TOP}
                            height={height}
                        />
                    )}
                    <path className="mo-curve" d={path} />
                    {cursor !== undefined && cursor >= first && cursor <= end && (
                        <line
                            className="mo-cursor"
                            x1={across(cursor)}
                            x2={across(cursor)}
                            y1={TOP}
                            y2={TOP + height}
                        />
                    )}
                </svg>
            </div>
            <p className="mo-readout" role="status">
                {cursor !== undefined && cursor <= last
                    ? `${xName} ${told({ value: xs[cursor], unit: xUnit }, 5)} · ${told({ value: ys[cursor], unit: '' }, 6)}`
                    : '\u00a0'}
            </p>
        </div>
    );
}

/** The smallest and the largest value of a part of a curve, with zero where that is near. */
function range(
    ys: ArrayLike<number>,
    first: number,
    last: number,
    log: boolean
): { low: number; high: number } {
    let [low, high, positive] = [Infinity, -Infinity, Infinity];
    for (let i = first; i <= last; i += 1) {
        if (Number.isFinite(ys[i])) {
            low = Math.min(low, ys[i]);
            high = Math.max(high, ys[i]);
            positive = ys[i] > 0 ? Math.min(positive, ys[i]) : positive;
        }
    }
    if (log) {
        return Number.isFinite(positive)
            ? { low: positive, high: Math.max(high, positive * 10) }
            : { low: 1, high: 10 };
    }
    return low <= high ? { low, high } : { low: 0, high: 1 };
}

function valueTicks(low: number, high: number, log: boolean, height: number): number[] {
    if (!log) {
        return ticks(low, high, Math.max(2, Math.floor(height / 40)));
    }
    const powers = ticks(Math.ceil(Math.log10(low)), Math.log10(high), Math.max(2, Math.floor(height / 40)));
    return powers.filter(Number.isInteger).map(power => 10 ** power);
}

function short(value: number): string {
    return Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
        ? value.toExponential(1)
        : value.toLocaleString(undefined, { maximumSignificantDigits: 4 });
}

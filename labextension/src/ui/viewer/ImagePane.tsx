import { useEffect, useMemo, useRef, type KeyboardEvent, type PointerEvent } from 'react';
import type { Limits, Look } from '../../services/image/contrast';
import type { Line } from '../../services/image/measure';
import type { Calibration, Point, Raster } from '../../services/image/raster';
import { scaleBar } from '../../services/image/units';
import { fitted, panned, toFrame, zoomed, type Size, type View } from '../../services/image/view';
import { useTrans } from '../context';
import { useBox } from './box';
import { draw, layerOf } from './drawing';
import { LineOverlay } from './LineOverlay';

const STEP_PX = 40;
const FASTER = 1.25;

export type Tool = 'pan' | 'line';

interface Props {
    label: string;
    /** The whole frame in its own pixels; the rasters may be coarser, and parts of it. */
    frame: Size;
    rasters: readonly Raster[];
    look: Look;
    limits: Limits;
    calibration: Calibration;
    /** Without one all of the frame is seen. */
    view: View | undefined;
    onView(view: View | undefined, box: Size): void;
    tool?: Tool;
    line?: Line;
    onLine?(line: Line | undefined): void;
    onPoint?(point: Point | undefined): void;
    busy?: boolean;
}

/** A frame on a canvas, moved and magnified with wheel, pointer and keys; with its scale bar. */
export function ImagePane(props: Props): JSX.Element {
    const {
        label,
        frame,
        rasters,
        look,
        limits,
        calibration,
        onView,
        onLine,
        onPoint,
        line,
        tool = 'pan'
    } = props;
    const trans = useTrans();
    const pane = useRef<HTMLDivElement>(null);
    const canvas = useRef<HTMLCanvasElement>(null);
    const box = useBox(pane);
    const view = props.view ?? fitted(frame, box);
    const [base, detail] = rasters;
    const below = useMemo(() => base && layerOf(base, limits, look), [base, limits, look]);
    const above = useMemo(() => detail && layerOf(detail, limits, look), [detail, limits, look]);
    useEffect(() => {
        if (canvas.current && below) {
            draw(canvas.current, above ? [below, above] : [below], view, box, window.devicePixelRatio || 1);
        }
    }, [below, above, view.scale, view.x, view.y, box]);

    const zoom = (factor: number, at: Point = { x: box.width / 2, y: box.height / 2 }) =>
        onView(zoomed(view, factor, at, box, frame), box);
    const latest = useRef(zoom);
    latest.current = zoom;
    useEffect(() => {
        const shown = pane.current;
        // React listens to the wheel in a way that cannot keep the page from scrolling.
        const onWheel = (event: WheelEvent) => {
            event.preventDefault();
            const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect();
            latest.current(2 ** (-event.deltaY / (event.deltaMode === 1 ? 12 : 300)), {
                x: event.clientX - left,
                y: event.clientY - top
            });
        };
        shown?.addEventListener('wheel', onWheel, { passive: false });
        return () => shown?.removeEventListener('wheel', onWheel);
    }, []);

    const onKeyDown = (event: KeyboardEvent) => {
        const move = (dx: number, dy: number) => () => onView(panned(view, dx, dy, frame), box);
        const keys: Record<string, () => void> = {
            '+': () => zoom(FASTER),
            '=': () => zoom(FASTER),
            '-': () => zoom(1 / FASTER),
            '0': () => onView(undefined, box),
            '1': () => zoom(1 / view.scale),
            ArrowLeft: move(STEP_PX, 0),
            ArrowRight: move(-STEP_PX, 0),
            ArrowUp: move(0, STEP_PX),
            ArrowDown: move(0, -STEP_PX)
        };
        const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
        if (act) {
            act();
            event.preventDefault();
            event.stopPropagation();
        }
    };
    const { grabbed, onPointerDown, onPointerMove, onPointerUp } = usePointer(pane, (from, to, started) => {
        const place = (at: Point) => toFrame(view, box, at);
        if (tool === 'line' && started) {
            onLine?.({ from: place(started), to: place(to) });
        } else {
            onView(panned(view, to.x - from.x, to.y - from.y, frame), box);
        }
    });
    const bar = scaleBar(calibration.x, calibration.unit, box.width / 4 / view.scale, trans.__('px'));
    return (
        <div
            ref={pane}
            className={`mo-image mo-tool-${tool}${grabbed ? ' mo-grabbed' : ''}`}
            role="application"
            aria-label={label}
            aria-busy={props.busy}
            data-step={rasters[rasters.length - 1]?.stepX}
            title={trans.__(
                'Wheel or + and −: larger, smaller. Drag or arrow keys: move. 0: all of it. 1: pixel by pixel.'
            )}
            tabIndex={0}
            onKeyDown={onKeyDown}
            onDoubleClick={() => onView(undefined, box)}
            onPointerDown={onPointerDown}
            onPointerMove={event => {
                onPointerMove(event);
                onPoint?.(toFrame(view, box, placeIn(pane.current, event)));
            }}
            onPointerUp={onPointerUp}
            onPointerLeave={() => onPoint?.(undefined)}
        >
            <canvas ref={canvas} className="mo-canvas" />
            {line && <LineOverlay line={line} view={view} box={box} onLine={onLine} />}
            <div className="mo-scale-bar" role="img" aria-label={trans.__('Scale bar: %1', bar.label)}>
                <span>{bar.label}</span>
                <div className="mo-bar" style={{ width: bar.pixels * view.scale }} />
            </div>
        </div>
    );
}

function placeIn(pane: HTMLElement | null, event: { clientX: number; clientY: number }): Point {
    const { left, top } = pane?.getBoundingClientRect() ?? { left: 0, top: 0 };
    return { x: event.clientX - left, y: event.clientY - top };
}

/** What is dragged over the pane: from where to where since the last time, and from where in all. */
function usePointer(
    pane: React.RefObject<HTMLElement>,
    onDrag: (from: Point, to: Point, started: Point) => void
) {
    const drag = useRef<{ started: Point; last: Point } | undefined>();
    const grabbed = drag.current !== undefined;
    return {
        grabbed,
        onPointerDown: (event: PointerEvent) => {
            if (event.button === 0 && !(event.target as Element).closest('[data-handle]')) {
                const at = placeIn(pane.current, event);
                drag.current = { started: at, last: at };
                pane.current?.setPointerCapture?.(event.pointerId);
            }
        },
        onPointerMove: (event: PointerEvent) => {
            if (drag.current) {
                const at = placeIn(pane.current, event);
                onDrag(drag.current.last, at, drag.current.started);
                drag.current.last = at;
            }
        },
        onPointerUp: () => {
            drag.current = undefined;
        }
    };
}

import { useRef, type KeyboardEvent, type PointerEvent } from 'react';
import type { Line } from '../../services/image/measure';
import type { Point } from '../../services/image/raster';
import { toFrame, toScreen, type Size, type View } from '../../services/image/view';
import { useTrans } from '../context';

interface Props {
    line: Line;
    view: View;
    box: Size;
    onLine?(line: Line | undefined): void;
}

/** A line over a frame, whose ends can be dragged, or moved with the arrow keys. */
export function LineOverlay({ line, view, box, onLine }: Props): JSX.Element {
    const trans = useTrans();
    const from = toScreen(view, box, line.from);
    const to = toScreen(view, box, line.to);
    const ends = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
    return (
        <svg className="mo-line" width={box.width} height={box.height}>
            <line className="mo-line-ground" {...ends} />
            <line {...ends} />
            <Handle
                label={trans.__('Start of the line')}
                at={from}
                place={line.from}
                {...{ view, box }}
                onMove={next => onLine?.({ ...line, from: next })}
            />
            <Handle
                label={trans.__('End of the line')}
                at={to}
                place={line.to}
                {...{ view, box }}
                onMove={next => onLine?.({ ...line, to: next })}
            />
        </svg>
    );
}

function Handle(props: {
    label: string;
    at: Point;
    place: Point;
    view: View;
    box: Size;
    onMove(place: Point): void;
}): JSX.Element {
    const { label, at, place, view, box, onMove } = props;
    const held = useRef(false);
    const onKeyDown = (event: KeyboardEvent) => {
        const step = event.shiftKey ? 10 : 1;
        const moves: Record<string, Point> = {
            ArrowLeft: { x: -step, y: 0 },
            ArrowRight: { x: step, y: 0 },
            ArrowUp: { x: 0, y: -step },
            ArrowDown: { x: 0, y: step }
        };
        const move = moves[event.key];
        if (move) {
            onMove({ x: place.x + move.x, y: place.y + move.y });
            event.preventDefault();
            event.stopPropagation();
        }
    };
    const onPointerMove = (event: PointerEvent<SVGCircleElement>) => {
        const svg = event.currentTarget.ownerSVGElement?.getBoundingClientRect();
        if (held.current && svg) {
            onMove(toFrame(view, box, { x: event.clientX - svg.left, y: event.clientY - svg.top }));
        }
    };
    return (
        <circle
            data-handle
            cx={at.x}
            cy={at.y}
            r={5}
            tabIndex={0}
            role="button"
            aria-label={`${label} (${Math.round(place.x)}, ${Math.round(place.y)})`}
            onKeyDown={onKeyDown}
            onPointerDown={event => {
                held.current = true;
                event.currentTarget.setPointerCapture?.(event.pointerId);
            }}
            onPointerMove={onPointerMove}
            onPointerUp={() => (held.current = false)}
        />
    );
}

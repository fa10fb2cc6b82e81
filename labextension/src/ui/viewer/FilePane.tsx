import { useEffect, useMemo, useState } from 'react';
import type { Entry, Frame } from '../../api/types';
import type { Limits, Look } from '../../services/image/contrast';
import type { Line } from '../../services/image/measure';
import type { Point } from '../../services/image/raster';
import type { Size, View } from '../../services/image/view';
import { useTrans } from '../context';
import { Loading, ProblemBox } from '../parts';
import { FrameTools } from './FrameTools';
import { ImagePane, type Tool } from './ImagePane';
import { firstLook, useLimits } from './look';
import { SpectrumPane } from './SpectrumPane';
import { useFrame, type Shown, type Which } from './useFrame';

/** What is seen in a pane, for those around it. */
export interface Seen {
    shown: Shown;
    limits: Limits;
    look: Look;
}

export interface Closeness {
    view: View;
    box: Size;
}

interface Props {
    entry: Entry;
    compact: boolean;
    /** How it was chosen to be drawn; without a choice as suits the frame. */
    look: Look | undefined;
    view: Closeness | undefined;
    onView(view: Closeness | undefined): void;
    tool: Tool;
    line: Line | undefined;
    onLine(line: Line | undefined): void;
    onPoint(point: Point | undefined, seen: Seen | undefined): void;
    onSeen?(seen: Seen | undefined): void;
    /** Where the frame that is to be seen first is not the central one. */
    start?: Which;
}

const CENTRAL: Which = { signal: 0, frame: -1 };

/** One file: a frame of it, or a spectrum, and the sliders that choose which. */
export function FilePane(props: Props): JSX.Element {
    const { entry, compact, view, onView, tool, line, onLine, onPoint, onSeen, start = CENTRAL } = props;
    const trans = useTrans();
    const [which, setWhich] = useState(start);
    const { shown, frame, problem, loading } = useFrame(entry, which, view, compact);
    const look = props.look ?? (frame ? firstLook(frame) : undefined);
    const seen = useSeen(shown, look);
    useEffect(() => {
        onSeen?.(seen);
        return () => onSeen?.(undefined);
    }, [seen]);
    const others = frame && <FrameTools frame={frame} which={which} onChange={setWhich} />;
    if (problem && problem.status !== 0) {
        const isKnown = problem.status === 415 || problem.status === 422;
        return (
            <div className="mo-file-pane">
                {isKnown ? <p className="mo-empty">{problem.message}</p> : <ProblemBox problem={problem} />}
                {others}
            </div>
        );
    }
    if (!frame) {
        return problem ? <ProblemBox problem={problem} /> : <Loading />;
    }
    const { facts } = frame;
    return (
        <div className="mo-file-pane" data-loading={loading}>
            {facts.kind?.startsWith('spectrum') ? (
                <SpectrumPane name={entry.name} frame={frame} />
            ) : (
                seen && (
                    <ImagePane
                        label={trans.__('Image %1', entry.name)}
                        frame={seen.shown.size}
                        rasters={seen.shown.rasters}
                        calibration={seen.shown.calibration}
                        look={seen.look}
                        limits={seen.limits}
                        view={view?.view}
                        onView={(next, box) => onView(next && { view: next, box })}
                        onPoint={point => onPoint(point, seen)}
                        busy={loading}
                        {...{ tool, line, onLine }}
                    />
                )
            )}
            {facts.caption && <p className="mo-quiet mo-caption">{captionOf(frame)}</p>}
            {others}
        </div>
    );
}

function useSeen(shown: Shown | undefined, look: Look | undefined): Seen | undefined {
    const limits = useLimits(shown?.frame, look ?? UNKNOWN);
    return useMemo(() => shown && look && { shown, limits, look }, [shown, limits, JSON.stringify(look)]);
}

const UNKNOWN: Look = {
    range: 'minmax',
    percents: [0, 100],
    limits: [0, 1],
    log: false,
    gamma: 1,
    palette: 'grey'
};

/** What is seen, and how many pixels the file has. */
function captionOf({ facts, raster }: Frame): string {
    const [height, width] = facts.signal.shape.slice(-2);
    const size = facts.kind?.startsWith('spectrum') ? '' : `${width} × ${height} px`;
    const binned = raster.stepX > 1 && size ? `${raster.stepX} × ${raster.stepY} → 1` : '';
    return [facts.caption, size, binned, facts.signal.dtype].filter(Boolean).join(' · ');
}

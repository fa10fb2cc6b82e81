import { useMemo } from 'react';
import type { ApiProblem } from '../../api/problem';
import type { Entry, Frame, FrameOptions } from '../../api/types';
import { memoryOf } from '../../services/image/memory';
import { calibrationOf, type Calibration, type Raster } from '../../services/image/raster';
import { seen, type Region, type Size, type View } from '../../services/image/view';
import { useAnswer, useModama, useSettled } from '../context';

const BASE_SIZE = 1024;
const SMALL_SIZE = 512;
const DETAIL_SIZE = 2048;
const PAUSE_MS = 150;

/** Which frame of which data set of a file. */
export interface Which {
    signal: number;
    /** -1 is the central one, or the sum of spectra. */
    frame: number;
}

/** A frame of a file, and what of it is seen finer than as a whole. */
export interface Shown {
    entry: Entry;
    frame: Frame;
    size: Size;
    calibration: Calibration;
    /** The whole, and over it the part that is seen, where that is larger than the whole's pixels. */
    rasters: readonly Raster[];
    region: Region;
}

export interface Looked {
    shown?: Shown;
    frame?: Frame;
    problem?: ApiProblem;
    loading: boolean;
}

/** A frame, and when somebody looks closely the seen part of it with all its pixels. */
export function useFrame(
    entry: Entry,
    which: Which,
    view: { view: View; box: Size } | undefined,
    compact: boolean
): Looked {
    const { api } = useModama();
    const memory = memoryOf(api);
    const wanted: FrameOptions = { size: compact ? SMALL_SIZE : BASE_SIZE, ...which };
    const settled = useSettled(JSON.stringify(wanted), 60);
    const { answer, problem, loading } = useAnswer(
        signal => memory.get(entry, JSON.parse(settled) as FrameOptions, signal),
        entry.path,
        [settled, entry.modified]
    );
    const size = answer && sizeOf(answer);
    const region = useMemo(
        () =>
            size &&
            (view
                ? seen(view.view, view.box, size)
                : { left: 0, top: 0, width: size.width, height: size.height }),
        [size?.width, size?.height, view]
    );
    const close = useSettled(
        JSON.stringify(answer && view && region && closer(answer, view.view, region)),
        PAUSE_MS
    );
    const frame = answer?.facts.frame;
    const detail = useAnswer(
        async signal =>
            close && close !== 'null'
                ? memory.get(
                      entry,
                      { ...(JSON.parse(close) as FrameOptions), signal: which.signal, frame },
                      signal
                  )
                : undefined,
        `${entry.path}\n${which.signal}\n${String(frame)}`,
        [close, entry.modified]
    ).answer;
    const shown = useMemo(() => {
        if (!answer || !size || !region) {
            return undefined;
        }
        const fits = detail && detail.facts.frame === answer.facts.frame && answer.raster.stepX > 1;
        return {
            entry,
            frame: answer,
            size,
            region,
            calibration: calibrationOf(answer.facts.signal),
            rasters: fits ? [answer.raster, detail.raster] : [answer.raster]
        };
    }, [answer, detail, entry, region, size?.width, size?.height]);
    return { shown, frame: answer, problem, loading };
}

/** The size of a whole frame in its own pixels. */
function sizeOf({ facts }: Frame): Size {
    const [height, width] = facts.signal.shape.slice(-2);
    return { width, height: height ?? 1 };
}

/** What to ask for where one pixel of the whole covers more than one of the screen; undefined where it does not. */
function closer({ raster }: Frame, view: View, region: Region): FrameOptions | undefined {
    if (raster.stepX === 1 || raster.coloured || raster.stepX * view.scale <= 1) {
        return undefined;
    }
    const { left, top, width, height } = region;
    const finer = Math.ceil(Math.max(width, height) / DETAIL_SIZE) < raster.stepX;
    return finer ? { size: DETAIL_SIZE, left, top, width, height } : undefined;
}

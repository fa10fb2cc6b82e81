import { useMemo } from 'react';
import type { Frame } from '../../api/types';
import { limitsOf, PLAIN_LOOK, type Limits, type Look } from '../../services/image/contrast';

/** How a frame is drawn until somebody chooses otherwise: diffraction patterns by logarithm, as everywhere here. */
export function firstLook(frame: Frame): Look {
    return { ...PLAIN_LOOK, log: frame.facts.contrast === 'log' };
}

/** The limits of a frame, reckoned anew only when its numbers or the choice of limits change. */
export function useLimits(frame: Frame | undefined, look: Look): Limits {
    const { range, percents, limits } = look;
    return useMemo(
        () => (frame ? limitsOf(frame.raster.values, look) : { low: 0, high: 1, floor: 0 }),
        [frame, range, percents, limits]
    );
}

import { useMemo, useState } from 'react';
import { limitsOf, PLAIN_LOOK } from '../../services/image/contrast';
import { spectrumOf } from '../../services/image/fourier';
import { measured } from '../../services/image/measure';
import { cropped, type Point } from '../../services/image/raster';
import { told } from '../../services/image/units';
import type { View } from '../../services/image/view';
import { useSettled, useTrans } from '../context';
import { ImagePane } from './ImagePane';
import type { Shown } from './useFrame';

const PAUSE_MS = 200;
const LOOK = { ...PLAIN_LOOK, percents: [50, 99.95] as const, log: true };

/** The Fourier transform of what is seen of an image; the pointer tells which distance of planes a place stands for. */
export function FourierPane({ shown }: { shown: Shown }): JSX.Element {
    const trans = useTrans();
    const [view, setView] = useState<View | undefined>();
    const [point, setPoint] = useState<Point | undefined>();
    const settled = useSettled(shown, PAUSE_MS);
    const found = useMemo(() => {
        const finest = settled.rasters[settled.rasters.length - 1];
        return spectrumOf(cropped(finest, settled.region), settled.calibration);
    }, [settled]);
    const limits = useMemo(() => found && limitsOf(found.raster.values, LOOK), [found]);
    if (!found || !limits) {
        return <p className="mo-empty">{trans.__('Too few pixels are seen for a Fourier transform.')}</p>;
    }
    const size = found.raster.columns;
    const middle = { x: size / 2 + 0.5, y: size / 2 + 0.5 };
    const here = point && measured({ from: middle, to: point }, found.calibration);
    return (
        <div className="mo-file-pane">
            <ImagePane
                label={trans.__('Fourier transform of %1', shown.entry.name)}
                frame={{ width: size, height: size }}
                rasters={[found.raster]}
                calibration={found.calibration}
                look={LOOK}
                limits={limits}
                view={view}
                onView={setView}
                onPoint={setPoint}
            />
            <p className="mo-quiet mo-caption">
                {trans.__('Fourier transform of what is seen, %1 × %1 px', size)}
            </p>
            <p className="mo-readout" role="status">
                {here
                    ? [
                          here.length && told(here.length),
                          `${told({ value: here.angle, unit: '' }, 4)}°`,
                          here.spacing && `d = ${told(here.spacing)}`
                      ]
                          .filter(Boolean)
                          .join(' · ')
                    : '\u00a0'}
            </p>
        </div>
    );
}

import { useMemo, useState } from 'react';
import type { Frame } from '../../api/types';
import { useTrans } from '../context';
import { Plot } from './Plot';

/** A spectrum as a curve over its energies (or whatever its axis is). */
export function SpectrumPane({ name, frame }: { name: string; frame: Frame }): JSX.Element {
    const trans = useTrans();
    const [log, setLog] = useState(false);
    const { facts, raster } = frame;
    const axis = facts.signal.axes[facts.signal.axes.length - 1];
    const xs = useMemo(() => {
        // The middle of the channels that became one.
        const first = (axis?.offset ?? 0) + ((raster.stepX - 1) / 2) * (axis?.scale ?? 1);
        const step = (axis?.scale ?? 1) * raster.stepX;
        return Float64Array.from({ length: raster.columns }, (_, i) => first + i * step);
    }, [frame]);
    return (
        <>
            <Plot
                tall
                label={trans.__('Spectrum %1', name)}
                xs={xs}
                ys={raster.values}
                xName={axis?.name || trans.__('Channel')}
                xUnit={axis?.unit ?? ''}
                log={log}
            />
            <label className="mo-check">
                <input type="checkbox" checked={log} onChange={event => setLog(event.target.checked)} />
                {trans.__('Logarithmic')}
            </label>
        </>
    );
}

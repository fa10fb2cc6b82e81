import { useMemo, useState } from 'react';
import { useEnergy } from './energy';
import { measured, profile, wavelengthOf, type Line } from '../../services/image/measure';
import { covers } from '../../services/image/raster';
import { readable, told } from '../../services/image/units';
import { useTrans } from '../context';
import { Button } from '../parts';
import { Plot } from './Plot';
import { Slider } from './Slider';
import type { Shown } from './useFrame';

/** What a line over an image says: length, angle, distance of planes, and the values along it. */
export function Measurements(props: { shown: Shown; line: Line; onRemove(): void }): JSX.Element {
    const { shown, line, onRemove } = props;
    const trans = useTrans();
    const [width, setWidth] = useState(1);
    const energy = useEnergy(shown.entry, shown.calibration.unit);
    const found = measured(line, shown.calibration, energy && wavelengthOf(energy));
    // The finest that holds all of the line.
    const raster = [...shown.rasters]
        .reverse()
        .find(each => covers(each, line.from) && covers(each, line.to));
    const { xs, ys, unit } = useMemo(() => {
        const { distances, values } = profile(raster ?? shown.rasters[0], line, width);
        const { x, unit } = shown.calibration;
        const whole = readable({ value: distances[distances.length - 1] * x || 1, unit });
        const scale = unit ? whole.value / (distances[distances.length - 1] || 1) : 1;
        return {
            xs: distances.map(distance => distance * scale),
            ys: values,
            unit: unit ? whole.unit : trans.__('px')
        };
    }, [raster, line, width, shown.calibration]);
    return (
        <section className="mo-measured" aria-label={trans.__('Line')}>
            <p className="mo-readout" role="status">
                {[
                    found.length && trans.__('Length %1', told(found.length)),
                    trans.__('%1 px', told({ value: found.pixels, unit: '' })),
                    trans.__('Angle %1°', told({ value: found.angle, unit: '' })),
                    found.spacing && trans.__('d = %1', told(found.spacing))
                ]
                    .filter(Boolean)
                    .join(' · ')}
            </p>
            <Plot
                label={trans.__('Values along the line')}
                xs={xs}
                ys={ys}
                xName={trans.__('Distance')}
                xUnit={unit}
            />
            <div className="mo-sliders">
                <Slider
                    label={trans.__('Lines averaged: %1', width)}
                    value={width}
                    min={1}
                    max={51}
                    step={2}
                    onChange={setWidth}
                />
                <Button onClick={onRemove}>{trans.__('Remove line')}</Button>
            </div>
        </section>
    );
}

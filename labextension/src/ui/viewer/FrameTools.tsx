import type { Frame } from '../../api/types';
import { frameAt, placeOf } from '../../services/image/raster';
import { told } from '../../services/image/units';
import { useTrans } from '../context';
import { Button, Choice } from '../parts';
import { Slider } from './Slider';
import type { Which } from './useFrame';

/** Which data set of the file, which frame of a stack, which position of a scan. */
export function FrameTools(props: {
    frame: Frame;
    which: Which;
    onChange(which: Which): void;
}): JSX.Element | null {
    const { frame, which, onChange } = props;
    const trans = useTrans();
    const { facts } = frame;
    const axes = facts.signal.axes.filter(axis => axis.navigate);
    const shape = axes.map(axis => axis.size);
    const isMap = facts.kind === 'spectrum-map';
    const place = placeOf(facts.frame, shape);
    const titles = facts.titles;
    if (titles.length < 2 && facts.frames < 2) {
        return null;
    }
    return (
        <div className="mo-sliders">
            {titles.length > 1 && (
                <Choice
                    label={trans.__('Data set')}
                    value={String(which.signal)}
                    onChange={value => onChange({ signal: Number(value), frame: -1 })}
                    options={titles.map((title, index) => [
                        String(index),
                        trans.__('%1 of %2', index + 1, titles.length) + (title ? `: ${title}` : '')
                    ])}
                />
            )}
            {facts.frames > 1 &&
                axes.map((axis, index) => (
                    <Slider
                        key={index}
                        label={trans.__('%1: %2 of %3', axis.name, place[index] + 1, axis.size)}
                        hint={
                            axis.unit
                                ? told({ value: axis.offset + place[index] * axis.scale, unit: axis.unit })
                                : ''
                        }
                        value={place[index]}
                        min={0}
                        max={axis.size - 1}
                        step={1}
                        onChange={value =>
                            onChange({
                                ...which,
                                frame: frameAt(
                                    place.map((old, i) => (i === index ? value : old)),
                                    shape
                                )
                            })
                        }
                    />
                ))}
            {isMap && which.frame >= 0 && (
                <Button onClick={() => onChange({ ...which, frame: -1 })}>{trans.__('Sum of all')}</Button>
            )}
        </div>
    );
}

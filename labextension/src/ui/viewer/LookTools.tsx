import { PALETTE_NAMES, type Palette } from '../../services/image/colours';
import type { Limits, Look } from '../../services/image/contrast';
import type { Translation } from '../host';
import { useTrans } from '../context';
import { Choice } from '../parts';
import { Histogram } from './Histogram';
import { NumberField } from './NumberField';
import { Slider } from './Slider';
import type { Numbers } from '../../services/image/raster';

/** The names of the colour maps in the person's language. */
function paletteWords(palette: Palette, trans: Translation): string {
    switch (palette) {
        case 'grey':
            return trans.__('grey');
        case 'inverted':
            return trans.__('grey, inverted');
        case 'fire':
            return trans.__('fire');
        case 'ice':
            return trans.__('ice');
        case 'diverging':
            return trans.__('blue and red');
        default:
            return palette; // known by these names in every language
    }
}

/** Which values are dark and bright, and in which colours. */
export function LookTools(props: {
    look: Look;
    limits: Limits;
    values: Numbers;
    onChange(look: Look): void;
}): JSX.Element {
    const { look, limits, values, onChange } = props;
    const trans = useTrans();
    const set = (change: Partial<Look>) => onChange({ ...look, ...change });
    const manual = (low: number, high: number) => set({ range: 'manual', limits: [low, high] });
    return (
        <div className="mo-look" role="group" aria-label={trans.__('Contrast and colours')}>
            <Histogram values={values} limits={limits} onLimits={manual} />
            <Choice<Look['range']>
                label={trans.__('Contrast')}
                value={look.range}
                onChange={range => set({ range, limits: [limits.low, limits.high] })}
                options={[
                    ['percentile', trans.__('without outliers')],
                    ['minmax', trans.__('whole range')],
                    ['manual', trans.__('by hand')]
                ]}
            />
            {look.range === 'percentile' ? (
                <>
                    <NumberField
                        label={trans.__('Dark below, %')}
                        value={look.percents[0]}
                        onChange={low => low < look.percents[1] && set({ percents: [low, look.percents[1]] })}
                    />
                    <NumberField
                        label={trans.__('Bright above, %')}
                        value={look.percents[1]}
                        onChange={high =>
                            high > look.percents[0] && set({ percents: [look.percents[0], high] })
                        }
                    />
                </>
            ) : (
                <>
                    <NumberField
                        label={trans.__('Dark')}
                        value={limits.low}
                        onChange={low => manual(low, limits.high)}
                    />
                    <NumberField
                        label={trans.__('Bright')}
                        value={limits.high}
                        onChange={high => manual(limits.low, high)}
                    />
                </>
            )}
            <label className="mo-check">
                <input
                    type="checkbox"
                    checked={look.log}
                    onChange={event => set({ log: event.target.checked })}
                />
                {trans.__('Logarithmic')}
            </label>
            <Slider
                label={trans.__('Gamma %1', look.gamma.toFixed(1))}
                value={look.gamma}
                min={0.2}
                max={3}
                step={0.1}
                onChange={gamma => set({ gamma })}
            />
            <Choice<Palette>
                label={trans.__('Colours')}
                value={look.palette}
                onChange={palette => set({ palette })}
                options={PALETTE_NAMES.map(name => [name, paletteWords(name, trans)])}
            />
        </div>
    );
}

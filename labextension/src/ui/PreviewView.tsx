import { useRef, useState } from 'react';
import type { Contrast, Entry, PreviewFacts, PreviewOptions } from '../api/types';
import { useAnswer, useModama, useSettled, useTrans } from './context';
import { writing } from '../services/format';
import { useObjectUrl } from './objecturl';
import { Choice, Loading, ProblemBox } from './parts';
import { Slider } from './viewer/Slider';

/** Pixels across below which a picture is shown larger than it is, pixel by pixel. */
const SMALL = 200;

/** A picture of the file, with what helps to see something in it. */
export function PreviewView({ entry, size }: { entry: Entry; size: number }): JSX.Element {
    const { api } = useModama();
    const trans = useTrans();
    const [contrast, setContrast] = useState<Contrast>('auto');
    const [gamma, setGamma] = useState(1);
    const [frame, setFrame] = useState<number | undefined>();
    const [signal, setSignal] = useState(0);
    const options = useSettled(
        JSON.stringify({
            size,
            contrast,
            gamma,
            ...(signal === 0 ? {} : { signal }),
            ...(frame === undefined ? {} : { frame })
        }),
        120
    );
    const { answer, problem, loading } = useAnswer(
        signal => api.preview(entry, JSON.parse(options) as PreviewOptions, signal),
        entry.path,
        [options, entry.modified]
    );
    const url = useObjectUrl(answer?.blob);
    // Kept while another is asked for, and when that one cannot be shown.
    const signals = useRef(1);
    signals.current = answer?.facts.signals ?? signals.current;
    const chooser = signals.current > 1 && (
        <Choice
            label={trans.__('Data set')}
            value={String(signal)}
            onChange={value => {
                setSignal(Number(value));
                setFrame(undefined);
            }}
            options={Array.from({ length: signals.current }, (_, index) => [
                String(index),
                trans.__('%1 of %2', index + 1, signals.current)
            ])}
        />
    );
    const frames = Number(answer?.facts.frames ?? 1);
    const isPlot = answer?.facts.kind?.startsWith('spectrum') ?? false;
    const shown = frame ?? Number(answer?.facts.frame ?? 0);
    if (problem) {
        return problem.status === 415 || problem.status === 422 ? (
            <>
                <p className="mo-empty">{problem.message}</p>
                {chooser}
            </>
        ) : (
            <ProblemBox problem={problem} />
        );
    }
    return (
        <div className="mo-preview" aria-busy={loading}>
            {url ? (
                <img
                    src={url}
                    alt={trans.__('Preview of %1', entry.name)}
                    className={Number(answer?.facts.width ?? SMALL) < SMALL ? 'mo-small' : ''}
                />
            ) : (
                <Loading />
            )}
            {answer && <Caption facts={answer.facts} />}
            <div className="mo-sliders">
                {chooser}
                {!isPlot && (
                    <>
                        <Choice<Contrast>
                            label={trans.__('Contrast')}
                            value={contrast}
                            onChange={setContrast}
                            options={[
                                ['auto', trans.__('automatic')],
                                ['percentile', trans.__('without outliers')],
                                ['minmax', trans.__('whole range')],
                                ['log', trans.__('logarithmic')]
                            ]}
                        />
                        <Slider
                            label={trans.__('Gamma')}
                            value={gamma}
                            min={0.2}
                            max={3}
                            step={0.1}
                            onChange={setGamma}
                        />
                    </>
                )}
                {frames > 1 && (
                    <Slider
                        label={trans.__('Frame (%1 of %2)', shown + 1, frames)}
                        value={shown}
                        min={0}
                        max={frames - 1}
                        step={1}
                        onChange={setFrame}
                    />
                )}
            </div>
        </div>
    );
}

/** What is seen, and which values are black and white. */
function Caption({ facts }: { facts: PreviewFacts }): JSX.Element {
    const trans = useTrans();
    const { caption, low, high } = facts;
    const value = (n: number) => Number(n.toPrecision(4)).toLocaleString(writing.get().locale);
    const range =
        low !== undefined && high !== undefined && !facts.kind?.startsWith('spectrum')
            ? trans.__('black %1, white %2', value(low), value(high))
            : '';
    return <p className="mo-quiet">{[caption, range].filter(Boolean).join(' · ')}</p>;
}

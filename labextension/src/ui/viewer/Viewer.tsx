import { useCallback, useState } from 'react';
import type { Entry } from '../../api/types';
import { useLine } from './useLine';
import type { Look } from '../../services/image/contrast';
import { valueAt, type Point } from '../../services/image/raster';
import { told } from '../../services/image/units';
import { fitted, zoomed } from '../../services/image/view';
import { useTrans } from '../context';
import { IconButton } from '../parts';
import { MetadataView } from '../MetadataView';
import { FilePane, type Closeness, type Seen } from './FilePane';
import { FourierPane } from './FourierPane';
import { LookTools } from './LookTools';
import { Measurements } from './Measurements';
import { SaveTools } from './SaveTools';
import { Siblings } from './Siblings';

type Part = 'look' | 'fourier' | 'beside' | 'metadata';

/** A microscope file: its images or spectra, and what one looks for in them. The same in the panel, in a tab, in a cell. */
export default function Viewer({ entry, compact = false }: { entry: Entry; compact?: boolean }): JSX.Element {
    const trans = useTrans();
    const [look, setLook] = useState<Look | undefined>();
    const [view, setView] = useState<Closeness | undefined>();
    const [seen, setSeen] = useState<Seen | undefined>();
    const [other, setOther] = useState<Entry | undefined>();
    const [readout, setReadout] = useState('');
    const [parts, setParts] = useState<ReadonlySet<Part>>(new Set(compact ? [] : ['look']));
    const { tool, line, setTool, setLine } = useLine();
    const has = (part: Part) => parts.has(part);
    const toggle = (part: Part) => () =>
        setParts(old => new Set(old.has(part) ? [...old].filter(each => each !== part) : [...old, part]));
    const onPoint = useCallback(
        (point: Point | undefined, over: Seen | undefined) =>
            setReadout(point && over ? spoken(point, over) : ''),
        []
    );
    const isImage = seen !== undefined && !seen.shown.frame.facts.kind?.startsWith('spectrum');
    const zoom = (factor: number) => () => {
        if (seen) {
            const box = view?.box ?? { width: 480, height: 360 };
            const from = view?.view ?? fitted(seen.shown.size, box);
            const middle = { x: box.width / 2, y: box.height / 2 };
            setView({ view: zoomed(from, factor, middle, box, seen.shown.size), box });
        }
    };
    const shared = { compact, look, view, onView: setView, tool, line, onLine: setLine, onPoint };
    return (
        <div className={`mo-viewer${compact ? ' mo-compact-viewer' : ''}`}>
            <div className="mo-viewer-tools" role="toolbar" aria-label={trans.__('Tools of the viewer')}>
                {isImage && (
                    <>
                        <IconButton icon="plus" label={trans.__('Larger')} onClick={zoom(1.5)} />
                        <IconButton icon="minus" label={trans.__('Smaller')} onClick={zoom(1 / 1.5)} />
                        <IconButton
                            icon="fit"
                            label={trans.__('All of it')}
                            onClick={() => setView(undefined)}
                        />
                        <IconButton
                            icon="ruler"
                            label={trans.__('Measure and profile: draw a line')}
                            pressed={tool === 'line'}
                            onClick={() => setTool(tool === 'line' ? 'pan' : 'line', seen.shown)}
                        />
                        <IconButton
                            icon="contrast"
                            label={trans.__('Contrast and colours')}
                            pressed={has('look')}
                            onClick={toggle('look')}
                        />
                        <IconButton
                            icon="wave"
                            label={trans.__('Fourier transform')}
                            pressed={has('fourier')}
                            onClick={toggle('fourier')}
                        />
                    </>
                )}
                <IconButton
                    icon="columns"
                    label={trans.__('Another file beside it')}
                    pressed={has('beside')}
                    onClick={toggle('beside')}
                />
                {!compact && (
                    <IconButton
                        icon="list"
                        label={trans.__('Metadata')}
                        pressed={has('metadata')}
                        onClick={toggle('metadata')}
                    />
                )}
                {isImage && <SaveTools seen={seen} />}
            </div>
            <div className="mo-viewer-body">
                <div className="mo-viewer-main">
                    {has('beside') && <Siblings entry={entry} other={other} onChange={setOther} />}
                    <div className="mo-panes">
                        <FilePane entry={entry} {...shared} onSeen={setSeen} />
                        {has('beside') && other && <FilePane key={other.path} entry={other} {...shared} />}
                        {has('fourier') && isImage && <FourierPane shown={seen.shown} />}
                    </div>
                    {isImage && (
                        <p className="mo-readout" role="status">
                            {readout || '\u00a0'}
                        </p>
                    )}
                    {isImage && line && (
                        <Measurements shown={seen.shown} line={line} onRemove={() => setLine(undefined)} />
                    )}
                </div>
                {((has('look') && isImage) || has('metadata')) && (
                    <aside className="mo-viewer-side">
                        {has('look') && isImage && !seen.shown.rasters[0].coloured && (
                            <LookTools
                                look={seen.look}
                                limits={seen.limits}
                                values={seen.shown.frame.raster.values}
                                onChange={setLook}
                            />
                        )}
                        {has('metadata') && !compact && <MetadataView entry={entry} />}
                    </aside>
                )}
            </div>
        </div>
    );
}

/** Where the pointer is, and the number there. */
function spoken(point: Point, { shown }: Seen): string {
    const [raster] = [...shown.rasters].reverse().filter(each => valueAt(each, point) !== undefined);
    if (!raster) {
        return '';
    }
    const value = valueAt(raster, point);
    const place = `x ${Math.floor(point.x)}, y ${Math.floor(point.y)}`;
    return [place, value !== undefined && told({ value, unit: '' }, 6)].filter(Boolean).join(' · ');
}

import { scaleBar } from '../../services/image/units';
import { tiff } from '../../services/image/tiff';
import { useModama, useTrans } from '../context';
import { Button } from '../parts';
import { burned, layerOf } from './drawing';
import type { Seen } from './FilePane';

const CM: Record<string, number> = { pm: 1e-10, Å: 1e-8, nm: 1e-7, µm: 1e-4, mm: 0.1, m: 100 };

/** Save or copy what is seen, with the scale bar in the picture. */
export function SaveTools({ seen }: { seen: Seen }): JSX.Element {
    const { host } = useModama();
    const trans = useTrans();
    const { shown, limits, look } = seen;
    const made = () => {
        const layers = shown.rasters.map(raster => layerOf(raster, limits, look));
        const { x, unit } = shown.calibration;
        return burned(layers, shown.region, room => scaleBar(x, unit, room, trans.__('px')));
    };
    const png = () =>
        new Promise<Blob>((done, fail) =>
            made().picture.toBlob(blob => (blob ? done(blob) : fail(new Error('no picture'))), 'image/png')
        );
    const name =
        shown.entry.name.replace(/\.[^.]*$/, '') +
        (shown.frame.facts.frames > 1 ? `-${shown.frame.facts.frame}` : '');
    const failed = () => host.notify({ kind: 'error', text: trans.__('The picture could not be made.') });
    const savePng = () => png().then(blob => host.save?.(blob, `${name}.png`), failed);
    const saveTiff = () => {
        const { picture, pixelsPerPixel } = made();
        const pixels = picture.getContext('2d')?.getImageData(0, 0, picture.width, picture.height);
        if (!pixels) {
            failed();
            return;
        }
        const { x, unit } = shown.calibration;
        const cm = CM[unit];
        const bytes = tiff(pixels, cm && pixelsPerPixel / (x * cm), shown.entry.name);
        host.save?.(new Blob([bytes], { type: 'image/tiff' }), `${name}.tif`);
    };
    const copy = async () => {
        try {
            await host.copyPicture?.(png());
            host.notify({ kind: 'success', text: trans.__('The picture is on the clipboard.') });
        } catch {
            host.notify({
                kind: 'warning',
                text: trans.__('This browser does not let pictures be copied here; please save it instead.')
            });
        }
    };
    return (
        <div className="mo-saving" role="group" aria-label={trans.__('Save or copy what is seen')}>
            {host.save && (
                <>
                    <Button label={trans.__('Save as PNG with the scale bar')} onClick={() => void savePng()}>
                        {trans.__('PNG')}
                    </Button>
                    <Button label={trans.__('Save as TIFF with the scale bar')} onClick={saveTiff}>
                        {trans.__('TIFF')}
                    </Button>
                </>
            )}
            {host.copyPicture && (
                <Button icon="copy" label={trans.__('Copy as a picture')} onClick={() => void copy()}>
                    {trans.__('Copy')}
                </Button>
            )}
        </div>
    );
}

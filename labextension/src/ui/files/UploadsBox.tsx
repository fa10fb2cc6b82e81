import { useRef } from 'react';
import { fromField } from '../../services/chosen';
import { amount, bytes } from '../../services/format';
import { isUnderWay, type Upload } from '../../services/upload';
import { useModama, useTrans, useValue } from '../context';
import { Box, Button } from '../parts';

const SHOWN = 20;

/** The files that are on their way here: how far they are, what stopped, what a reload has cut off. */
export function UploadsBox(): JSX.Element | null {
    const { uploads } = useModama();
    const trans = useTrans();
    const items = useValue(uploads.items);
    if (items.length === 0) {
        return null;
    }
    const of = (state: Upload['state']) => items.filter(item => item.state === state);
    const going = items.filter(isUnderWay);
    return (
        <section className="mo-uploads" aria-label={trans.__('Files on their way')}>
            {going.length > 0 && <Going going={going} done={of('done').length} />}
            <Lost lost={of('lost')} />
            <Failed failed={of('failed')} />
            {going.length === 0 && of('done').length > 0 && (
                <Box kind="success">
                    <p role="status">
                        {trans._n(
                            '1 file is here, and its checksum is right.',
                            '%2 files are here, and their checksums are right.',
                            of('done').length,
                            amount(of('done').length)
                        )}
                    </p>
                    <Button onClick={() => uploads.clear()}>{trans.__('OK')}</Button>
                </Box>
            )}
        </section>
    );
}

function Going({ going, done }: { going: Upload[]; done: number }): JSX.Element {
    const { uploads } = useModama();
    const trans = useTrans();
    const now = going.find(({ state }) => state !== 'waiting') ?? going[0];
    const size = going.reduce((sum, item) => sum + item.size, 0);
    const sent = going.reduce((sum, item) => sum + item.sent, 0);
    const says =
        now.state === 'checking'
            ? trans.__('Comparing the checksum of “%1”', now.name)
            : now.state === 'held-up'
              ? trans.__(
                    '“%1” waits: %2',
                    now.name,
                    now.problem?.message || trans.__('the server does not answer')
                )
              : trans.__('Bringing “%1”', now.name);
    const file = trans.__('file %1 of %2', amount(done + 1), amount(done + going.length));
    return (
        <div className="mo-job">
            <span role="status">
                {says} · {file} · {trans.__('%1 of %2', bytes(sent), bytes(size))}
            </span>
            <progress
                max={1}
                aria-label={trans.__('Files on their way')}
                value={
                    now.state === 'checking' ? now.checked / Math.max(1, now.size) : sent / Math.max(1, size)
                }
            />
            <Button icon="close" onClick={() => void uploads.cancel(going.map(({ id }) => id))}>
                {trans.__('Cancel')}
            </Button>
        </div>
    );
}

/** What a reload of the page has cut off: the browser does not keep files, so the person gives them once more. */
function Lost({ lost }: { lost: Upload[] }): JSX.Element | null {
    const { host, uploads } = useModama();
    const trans = useTrans();
    const field = useRef<HTMLInputElement>(null);
    if (lost.length === 0) {
        return null;
    }
    const chosen = (files: FileList | null) => {
        const others = uploads.addLost(fromField(files));
        if (others.length > 0) {
            const text = trans.__(
                '“%1” is none of the files that were cut off, or was changed since.',
                others[0].name
            );
            host.notify({ kind: 'warning', text });
        }
    };
    return (
        <Box kind="info">
            <p>
                {trans._n(
                    '1 file was cut off when the page was left. Choose it again, and it goes on where it stopped:',
                    '%2 files were cut off when the page was left. Choose them again, and they go on where they stopped:',
                    lost.length,
                    amount(lost.length)
                )}
            </p>
            <Names items={lost} says={({ folder }) => folder.path} />
            <div className="mo-toolbar">
                <Button look="main" icon="upload" onClick={() => field.current?.click()}>
                    {trans.__('Choose again…')}
                </Button>
                <Button icon="trash" onClick={() => void uploads.cancel(lost.map(({ id }) => id))}>
                    {trans.__('Remove what is there')}
                </Button>
            </div>
            <input
                ref={field}
                type="file"
                multiple
                hidden
                aria-label={trans.__('Files that were cut off')}
                onChange={event => {
                    chosen(event.target.files);
                    event.target.value = '';
                }}
            />
        </Box>
    );
}

function Failed({ failed }: { failed: Upload[] }): JSX.Element | null {
    const { uploads } = useModama();
    const trans = useTrans();
    if (failed.length === 0) {
        return null;
    }
    const ids = failed.map(({ id }) => id);
    return (
        <Box kind="warning">
            <p role="alert">
                {trans._n(
                    '1 file was not brought:',
                    '%2 files were not brought:',
                    failed.length,
                    amount(failed.length)
                )}
            </p>
            <Names items={failed} says={({ problem }) => problem?.message ?? ''} />
            <div className="mo-toolbar">
                <Button icon="refresh" onClick={() => ids.forEach(id => uploads.retry(id))}>
                    {trans.__('Retry')}
                </Button>
                <Button icon="close" onClick={() => void uploads.cancel(ids)}>
                    {trans.__('Leave it')}
                </Button>
            </div>
        </Box>
    );
}

function Names({ items, says }: { items: Upload[]; says(item: Upload): string }): JSX.Element {
    const trans = useTrans();
    return (
        <ul className="mo-names">
            {items.slice(0, SHOWN).map(item => (
                <li key={item.id}>
                    <strong>{item.name}</strong> <span className="mo-quiet">{says(item)}</span>
                </li>
            ))}
            {items.length > SHOWN && <li>{trans.__('and %1 more', amount(items.length - SHOWN))}</li>}
        </ul>
    );
}

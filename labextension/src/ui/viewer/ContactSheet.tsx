import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import type { Located } from '../../api/client';
import type { Entry } from '../../api/types';
import { amount } from '../../services/format';
import { Listing } from '../../services/listing';
import { useModama, useSettled, useTrans, useValue } from '../context';
import { Button, Box, ProblemBox, Search } from '../parts';
import { useRows } from '../scroll';
import { useBox } from './box';
import { Tile, TILE_HEIGHT, TILE_WIDTH } from './Tile';

/** All files of a folder as small pictures, as many as there are; only those in sight are asked for. */
export default function ContactSheet({ folder }: { folder: Located }): JSX.Element {
    const { api, host } = useModama();
    const trans = useTrans();
    const [filter, setFilter] = useState('');
    const settled = useSettled(filter);
    const listing = useMemo(
        () => new Listing(api, folder, 'name', settled),
        [api, folder.path, folder.path_b64, settled]
    );
    const { head, problem, changed } = useValue(listing.state);
    useEffect(() => {
        const stop = listing.watch(() => document.visibilityState === 'visible');
        return () => {
            stop();
            listing.dispose();
        };
    }, [listing]);
    const scroller = useRef<HTMLDivElement>(null);
    const across = Math.max(1, Math.floor(useBox(scroller).width / TILE_WIDTH));
    const total = listing.total;
    const rows = useRows(Math.ceil(total / across), TILE_HEIGHT, scroller);
    const [active, setActive] = useState(0);
    const first = (rows.indexes[0] ?? 0) * across;
    const last = Math.min(total, ((rows.indexes[rows.indexes.length - 1] ?? 0) + 1) * across) - 1;
    useEffect(() => listing.want(first, Math.max(first, last)), [listing, first, last, head]);
    const go = (index: number) => {
        const next = Math.max(0, Math.min(total - 1, index));
        setActive(next);
        rows.show(Math.floor(next / across));
    };
    const open = (entry: Entry | undefined) => entry && entry.kind !== 'folder' && host.showWide?.(entry);
    const onKeyDown = (event: KeyboardEvent) => {
        const moves: Record<string, () => unknown> = {
            ArrowLeft: () => go(active - 1),
            ArrowRight: () => go(active + 1),
            ArrowUp: () => active >= across && go(active - across),
            ArrowDown: () => active + across < total && go(active + across),
            Home: () => go(0),
            End: () => go(total - 1),
            Enter: () => open(listing.entry(active))
        };
        const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
        if (move) {
            move();
            event.preventDefault();
            event.stopPropagation();
        }
    };
    return (
        <section className="mo-page mo-sheet" aria-label={trans.__('Contact sheet of %1', folder.path)}>
            <div className="mo-heading">
                <h3 title={folder.path}>{folder.path}</h3>
                <Search value={filter} onChange={setFilter} label={trans.__('Filter by name')} />
            </div>
            {problem && <ProblemBox problem={problem} again={() => void listing.refresh()} />}
            {changed && (
                <Box kind="info">
                    {trans.__('The content of this folder has changed.')}{' '}
                    <Button onClick={() => void listing.refresh()}>{trans.__('Show')}</Button>
                </Box>
            )}
            <div
                ref={scroller}
                className="mo-tiles"
                role="listbox"
                aria-label={trans.__('Files and folders')}
                aria-activedescendant={total > 0 ? tileId(active) : undefined}
                tabIndex={0}
                onKeyDown={onKeyDown}
            >
                <div className="mo-list-content" role="presentation" style={{ height: rows.height }}>
                    {rows.indexes.flatMap(row =>
                        Array.from({ length: Math.min(across, total - row * across) }, (_, column) => {
                            const index = row * across + column;
                            return (
                                <Tile
                                    key={index}
                                    id={tileId(index)}
                                    {...{ index, total }}
                                    entry={listing.entry(index)}
                                    active={index === active}
                                    left={column * TILE_WIDTH}
                                    top={rows.top(row)}
                                    onSelect={() => setActive(index)}
                                    onOpen={() => open(listing.entry(index))}
                                />
                            );
                        })
                    )}
                </div>
            </div>
            <p className="mo-count" role="status">
                {head && trans._n('1 entry', '%2 entries', head.total, amount(head.total))}
            </p>
        </section>
    );
}

const tileId = (index: number): string => `mo-tile-${index}`;

import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import type { Entry } from '../api/types';
import { bytes, day, moment } from '../services/format';
import type { Listing } from '../services/listing';
import { useTrans, useValue } from './context';
import { Icon, type IconName } from './icons';
import { useRows } from './scroll';

const ROW_PX = 24;
const TYPED_TOGETHER_MS = 800;

interface Props {
    listing: Listing;
    selected: string | undefined;
    onSelect(entry: Entry | undefined): void;
    onOpen(entry: Entry): void;
    onUp(): void;
}

/** The entries of one folder, a million if need be; a treegrid for those who hear it, one tab stop for the keyboard. */
export function EntryList({ listing, selected, onSelect, onOpen, onUp }: Props): JSX.Element {
    const trans = useTrans();
    const { head, loading } = useValue(listing.state);
    const scroller = useRef<HTMLDivElement>(null);
    const total = listing.total;
    const rows = useRows(total, ROW_PX, scroller);
    const first = rows.indexes[0] ?? 0;
    const last = rows.indexes[rows.indexes.length - 1] ?? 0;
    const [row, setRow] = useState(0);

    useEffect(() => listing.want(first, last), [listing, first, last, head]);
    useEffect(() => setRow(0), [listing]);
    // When the list becomes lower, as beside a file, the row where one is stays in sight.
    const here = useRef(0);
    here.current = row;
    useEffect(() => {
        const element = scroller.current;
        if (!element || typeof ResizeObserver === 'undefined') {
            return;
        }
        const observer = new ResizeObserver(() => rows.show(here.current));
        observer.observe(element);
        return () => observer.disconnect();
    }, [listing]);
    // A folder that one comes back to shows what one came from.
    useEffect(() => {
        for (const [index, entry] of listing.loaded()) {
            if (entry.name === selected) {
                setRow(index);
                rows.show(index);
                return;
            }
        }
    }, [listing, head]);
    // A row that the keyboard went to before its page was here is selected when the page comes.
    const waiting = useRef<number>();
    useEffect(() => {
        const entry = waiting.current === undefined ? undefined : listing.entry(waiting.current);
        if (entry) {
            waiting.current = undefined;
            onSelect(entry);
        }
    });

    const go = (index: number) => {
        const next = Math.max(0, Math.min(total - 1, index));
        setRow(next);
        rows.show(next);
        const entry = listing.entry(next);
        waiting.current = entry ? undefined : next;
        if (entry) {
            onSelect(entry);
        }
    };
    const typeAhead = useTypeAhead(listing, row, go);
    const onKeyDown = (event: KeyboardEvent) => {
        const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? ROW_PX) / ROW_PX) - 1);
        const moves: Record<string, () => void> = {
            ArrowDown: () => go(row + 1),
            ArrowUp: () => go(row - 1),
            PageDown: () => go(row + page),
            PageUp: () => go(row - page),
            Home: () => go(0),
            End: () => go(total - 1),
            Enter: () => open(listing.entry(row)),
            ArrowRight: () => open(listing.entry(row)),
            ArrowLeft: onUp,
            Backspace: onUp,
            Escape: () => (selected === undefined ? onUp() : onSelect(undefined))
        };
        const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
        if (move) {
            move();
        } else if (!typeAhead(event)) {
            return;
        }
        event.preventDefault();
        event.stopPropagation();
    };
    const open = (entry: Entry | undefined) => entry && onOpen(entry);

    return (
        <div
            ref={scroller}
            className="mo-list"
            role="treegrid"
            aria-label={trans.__('Files and folders')}
            aria-rowcount={total}
            aria-busy={loading}
            aria-activedescendant={total > 0 ? rowId(row) : undefined}
            tabIndex={0}
            onKeyDown={onKeyDown}
        >
            <div className="mo-list-content" role="presentation" style={{ height: rows.height }}>
                {rows.indexes.map(index => (
                    <Row
                        key={index}
                        index={index}
                        total={total}
                        entry={listing.entry(index)}
                        active={index === row}
                        selected={selected !== undefined && listing.entry(index)?.name === selected}
                        top={rows.top(index)}
                        onSelect={() => go(index)}
                        onOpen={() => open(listing.entry(index))}
                    />
                ))}
            </div>
        </div>
    );
}

const rowId = (index: number): string => `mo-row-${index}`;

interface RowProps {
    index: number;
    total: number;
    entry: Entry | undefined;
    active: boolean;
    selected: boolean;
    top: number;
    onSelect(): void;
    onOpen(): void;
}

function Row({ index, total, entry, active, selected, top, onSelect, onOpen }: RowProps): JSX.Element {
    const trans = useTrans();
    return (
        <div
            id={rowId(index)}
            role="row"
            className={`mo-row${active ? ' mo-active' : ''}${selected ? ' mo-selected' : ''}`}
            aria-rowindex={index + 1}
            aria-setsize={total}
            aria-posinset={index + 1}
            aria-level={1}
            aria-selected={selected}
            style={{ transform: `translateY(${top}px)`, height: ROW_PX }}
            title={entry && tooltip(entry)}
            data-name={entry?.name}
            data-kind={entry?.kind}
            onClick={onSelect}
            onDoubleClick={onOpen}
            onContextMenu={onSelect}
        >
            <span role="gridcell" className="mo-cell-name">
                <Icon name={entry ? iconOf(entry) : 'clock'} />
                <span className="mo-name">{entry?.name ?? '…'}</span>
                {entry?.sealed && (
                    <span
                        className="mo-mark"
                        role="img"
                        aria-label={trans.__('sealed')}
                        title={trans.__('sealed')}
                    >
                        <Icon name="lock" />
                    </span>
                )}
            </span>
            <span role="gridcell" className="mo-cell-size">
                {entry?.kind === 'file' ? bytes(entry.size_bytes) : ''}
            </span>
            <span role="gridcell" className="mo-cell-time">
                {day(entry?.modified)}
            </span>
        </div>
    );
}

function iconOf(entry: Entry): IconName {
    if (entry.problem) {
        return 'warning';
    }
    if (entry.kind === 'folder') {
        return entry.role_in_tree === 'session'
            ? 'session'
            : entry.role_in_tree === 'project'
              ? 'project'
              : 'folder';
    }
    return entry.kind === 'link' ? 'link' : entry.tools.length > 0 ? 'image' : 'file';
}

const tooltip = ({ name, problem, size_bytes, modified, owner }: Entry): string =>
    [name, problem, bytes(size_bytes), moment(modified), owner].filter(Boolean).join('\n');

/** Typed letters lead to the next entry that begins with them, among those that are here. */
function useTypeAhead(
    listing: Listing,
    row: number,
    go: (index: number) => void
): (event: KeyboardEvent) => boolean {
    const typed = useMemo(() => ({ text: '', at: 0 }), []);
    return event => {
        if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) {
            return false;
        }
        const now = Date.now();
        typed.text = (now - typed.at < TYPED_TOGETHER_MS ? typed.text : '') + event.key.toLowerCase();
        typed.at = now;
        const matches = [...listing.loaded()].filter(([, { name }]) =>
            name.toLowerCase().startsWith(typed.text)
        );
        // One letter goes on from here, several stay while they fit.
        const from = typed.text.length === 1 ? row + 1 : row;
        const next = matches.find(([index]) => index >= from) ?? matches[0];
        if (next) {
            go(next[0]);
        }
        return true;
    };
}

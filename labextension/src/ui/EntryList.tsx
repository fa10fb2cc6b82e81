import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent } from 'react';
import type { Entry } from '../api/types';
import { amount } from '../services/format';
import type { Listing } from '../services/listing';
import { between, isMarked, MOST_MARKS, NO_MARKS, toggled, type Marks } from '../services/marks';
import { useModama, useTrans, useValue } from './context';
import { Row, ROW_PX, rowId } from './EntryRow';
import { isMenuKey, openMenu } from './menukey';
import { useRows } from './scroll';

const TYPED_TOGETHER_MS = 800;

interface Props {
    listing: Listing;
    selected: string | undefined;
    /** What is selected together with it, if more than one. */
    marks: Marks;
    onSelect(entry: Entry | undefined): void;
    onMark(marks: Marks): void;
    onOpen(entry: Entry): void;
    onUp(): void;
    /** A key that is none of the list's own. */
    onKey(key: string): void;
}

const OTHER_KEYS = new Set(['Delete', 'F2']);

/** The entries of one folder, a million if need be; a treegrid for those who hear it, one tab stop for the keyboard. */
export function EntryList(props: Props): JSX.Element {
    const { listing, selected, marks, onSelect, onMark, onOpen, onUp } = props;
    const { host } = useModama();
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
    /** Where a selection of several rows began. */
    const anchor = useRef(0);
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
        onMark(NO_MARKS);
        anchor.current = next;
        const entry = listing.entry(next);
        waiting.current = entry ? undefined : next;
        if (entry) {
            onSelect(entry);
        }
    };
    const markTo = async (index: number, from = anchor.current) => {
        const next = Math.max(0, Math.min(total - 1, index));
        setRow(next);
        rows.show(next);
        const found = await between(listing, from, next);
        if (found) {
            onMark(found);
        } else {
            const text = trans.__(
                'At most %1 entries are selected together; select the folder itself.',
                amount(MOST_MARKS)
            );
            host.notify({ kind: 'info', text });
        }
    };
    const mark = (index: number) => {
        const entry = listing.entry(index);
        setRow(index);
        anchor.current = index;
        if (entry) {
            const before = [...listing.loaded()].find(([, { name }]) => name === selected)?.[1];
            onMark(toggled(marks, entry, before));
        }
    };
    const onClick = (event: MouseEvent, index: number) => {
        if (event.shiftKey) {
            void markTo(index);
        } else if (event.ctrlKey || event.metaKey) {
            mark(index);
        } else {
            go(index);
        }
    };
    // What one opens a menu on is what it acts on, unless that is one of several.
    const onMenu = (index: number) => isMarked(marks, listing.entry(index)) || go(index);
    const typeAhead = useTypeAhead(listing, row, go);
    const onKeyDown = (event: KeyboardEvent) => {
        if (isMenuKey(event)) {
            openMenu(document.getElementById(rowId(row)));
            event.preventDefault();
            event.stopPropagation();
            return;
        }
        const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? ROW_PX) / ROW_PX) - 1);
        const ways: Record<string, number> = {
            ArrowDown: row + 1,
            ArrowUp: row - 1,
            PageDown: row + page,
            PageUp: row - page,
            Home: 0,
            End: total - 1
        };
        const ctrl = event.ctrlKey || event.metaKey;
        const moves: Record<string, () => void> = {
            ...Object.fromEntries(Object.entries(ways).map(([key, next]) => [key, () => go(next)])),
            ' ': () => go(row), // what is selected is previewed
            Enter: () => open(listing.entry(row)),
            ArrowRight: () => open(listing.entry(row)),
            ArrowLeft: onUp,
            Backspace: onUp,
            Escape: () =>
                marks.size > 0 ? onMark(NO_MARKS) : selected === undefined ? onUp() : onSelect(undefined)
        };
        const several: Record<string, () => void> = {
            ...(event.shiftKey && event.key in ways
                ? { [event.key]: () => void markTo(ways[event.key]) }
                : {}),
            ...(ctrl ? { a: () => void markTo(total - 1, 0), ' ': () => mark(row) } : {})
        };
        const alone = OTHER_KEYS.has(event.key) ? () => props.onKey(event.key) : moves[event.key];
        const move = event.altKey ? undefined : (several[event.key] ?? (ctrl ? undefined : alone));
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
            aria-multiselectable
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
                        selected={
                            marks.size > 0
                                ? isMarked(marks, listing.entry(index))
                                : selected !== undefined && listing.entry(index)?.name === selected
                        }
                        top={rows.top(index)}
                        onClick={event => onClick(event, index)}
                        onMenu={() => onMenu(index)}
                        onOpen={() => open(listing.entry(index))}
                    />
                ))}
            </div>
        </div>
    );
}

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

import type { MouseEvent } from 'react';
import type { Entry } from '../api/types';
import { bytes, day, moment } from '../services/format';
import { useModama, useTrans } from './context';
import { Icon, type IconName } from './icons';

export const ROW_PX = 24;

export const rowId = (index: number): string => `mo-row-${index}`;

interface RowProps {
    index: number;
    total: number;
    entry: Entry | undefined;
    active: boolean;
    selected: boolean;
    top: number;
    onClick(event: MouseEvent): void;
    onMenu(): void;
    onOpen(): void;
}

/** An entry in the list, one line high. */
export function Row({
    index,
    total,
    entry,
    active,
    selected,
    top,
    onClick,
    onMenu,
    onOpen
}: RowProps): JSX.Element {
    const { loaders } = useModama();
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
            onClick={onClick}
            onDoubleClick={onOpen}
            onContextMenu={onMenu}
            draggable={entry !== undefined}
            onMouseDown={() => entry && void loaders.ask(entry)}
            onDragStart={event => {
                // Editors take text: what is let go in a notebook loads the entry there.
                event.dataTransfer.effectAllowed = 'copy';
                event.dataTransfer.setData('text/plain', entry ? loaders.now(entry) : '');
            }}
        >
            <span role="gridcell" className="mo-cell-name">
                <Icon name={entry ? iconOf(entry) : 'clock'} />
                <span className="mo-name">{entry?.name ?? '…'}</span>
                {entry && entry.kind !== 'link' && <WriteMark entry={entry} />}
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

/** A lock or a pencil: whether one can write there; a click says why. */
function WriteMark({ entry }: { entry: Entry }): JSX.Element {
    const { ask } = useModama();
    const trans = useTrans();
    const word = entry.sealed
        ? trans.__('sealed: why?')
        : entry.writable
          ? trans.__('you can write here')
          : trans.__('read-only: why?');
    return (
        <button
            type="button"
            className={`mo-mark${entry.writable ? ' mo-mark-open' : ''}`}
            tabIndex={-1} // of the many rows one is active; its menu has the same
            aria-label={word}
            title={word}
            onClick={event => {
                event.stopPropagation();
                ask.set({ kind: 'explain', entry });
            }}
            onDoubleClick={event => event.stopPropagation()}
        >
            <Icon name={entry.writable ? 'pen' : 'lock'} />
        </button>
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

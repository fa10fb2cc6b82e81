import { useEffect, useState } from 'react';
import type { Entry } from '../../api/types';
import { useAnswer, useModama, useSettled } from '../context';
import { Icon } from '../icons';
import { useObjectUrl } from '../objecturl';

export const TILE_WIDTH = 176;
export const TILE_HEIGHT = 204;
const PICTURE_PX = 160;
/** Whoever scrolls past does not wait for the pictures there. */
const PAUSE_MS = 150;

interface Props {
    id: string;
    index: number;
    total: number;
    entry: Entry | undefined;
    active: boolean;
    left: number;
    top: number;
    onSelect(): void;
    onOpen(): void;
}

/** One file of a contact sheet. */
export function Tile({ id, index, total, entry, active, left, top, onSelect, onOpen }: Props): JSX.Element {
    return (
        <div
            id={id}
            role="option"
            className={`mo-tile${active ? ' mo-active' : ''}`}
            aria-selected={active}
            aria-setsize={total}
            aria-posinset={index + 1}
            style={{ transform: `translate(${left}px, ${top}px)`, width: TILE_WIDTH, height: TILE_HEIGHT }}
            title={entry?.name}
            data-name={entry?.name}
            onClick={onSelect}
            onDoubleClick={onOpen}
        >
            <div className="mo-tile-picture">
                {entry && entry.kind === 'file' && entry.tools.length > 0 ? (
                    <Picture key={entry.path} entry={entry} />
                ) : (
                    <Icon name={entry ? (entry.kind === 'folder' ? 'folder' : 'file') : 'clock'} />
                )}
            </div>
            <span className="mo-name">{entry?.name ?? '…'}</span>
        </div>
    );
}

function Picture({ entry }: { entry: Entry }): JSX.Element {
    const { api } = useModama();
    const [here, setHere] = useState(false);
    useEffect(() => setHere(true), []);
    const stays = useSettled(here, PAUSE_MS);
    const { answer, problem } = useAnswer(
        async signal => (stays ? api.preview(entry, { size: PICTURE_PX }, signal) : undefined),
        entry.path,
        [stays, entry.modified]
    );
    const url = useObjectUrl(answer?.blob);
    // Its name stands below.
    return url ? (
        <img src={url} alt="" />
    ) : (
        <span title={problem?.message}>
            <Icon name={problem ? 'file' : 'image'} />
        </span>
    );
}

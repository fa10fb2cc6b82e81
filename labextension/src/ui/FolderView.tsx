import { useEffect, useMemo, useRef, useState } from 'react';
import type { Located } from '../api/client';
import type { Entry } from '../api/types';
import { amount } from '../services/format';
import { removeEntries } from '../services/files';
import { Listing } from '../services/listing';
import { NO_MARKS, type Marks } from '../services/marks';
import { above, pageOf, type Around, type Place } from '../services/place';
import { useModama, useSettled, useTrans, useValue } from './context';
import { EntryList } from './EntryList';
import { DropZone } from './files/DropZone';
import { FilesBar } from './files/FilesBar';
import { FileView } from './FileView';
import { folderOrders, ListTools } from './ListTools';
import { Box, Button, IconButton, ProblemBox } from './parts';

/** One folder with all that is in it, and what is selected there. */
export function FolderView({ folder, select }: { folder: Located; select?: string }): JSX.Element {
    const trans = useTrans();
    return (
        <section className="mo-page mo-page-split" aria-label={trans.__('Folder %1', folder.path)}>
            <FolderList folder={folder} select={select} />
        </section>
    );
}

/** The list with its tools, and below it the selected file. */
export function FolderList({ folder, select }: { folder: Located; select?: string }): JSX.Element {
    const modama = useModama();
    const { api, around, host, places, jobs, revision, selected: shared, chosen: together, ask } = modama;
    const trans = useTrans();
    const [filter, setFilter] = useState('');
    const [sort, setSort] = useState('name');
    const [selected, setSelected] = useState<Entry | undefined>();
    const [marks, setMarks] = useState<Marks>(NO_MARKS);
    const settled = useSettled(filter);
    // Whoever walks along with the arrow keys wants a picture where they stop, not one of every file.
    const shown = useSettled(selected, 120);
    const listing = useMemo(
        () => new Listing(api, folder, sort, settled),
        [api, folder.path, folder.path_b64, sort, settled]
    );
    const { head, problem, changed } = useValue(listing.state);

    useEffect(() => {
        const stop = listing.watch(() => document.visibilityState === 'visible');
        return () => {
            stop();
            listing.dispose();
        };
    }, [listing]);
    useEffect(() => {
        if (head) {
            around.set({ project: head.project ?? '', session: head.session ?? '' });
        }
    }, [head]);
    // What one did oneself is no surprise: it is shown at once.
    const turn = useValue(revision);
    const seen = useRef(turn);
    useEffect(() => {
        if (seen.current !== turn) {
            seen.current = turn;
            void listing.refresh();
        }
    }, [listing, turn]);
    useEffect(() => {
        setSelected(undefined);
        setMarks(NO_MARKS);
    }, [folder.path]);
    // What is gone is selected no more.
    useEffect(() => setMarks(NO_MARKS), [turn]);
    const chosen = marks.size > 0 ? [...marks.values()] : selected ? [selected] : [];
    useEffect(() => {
        shared.set(selected);
        together.set(chosen);
        return () => {
            shared.set(undefined);
            together.set([]);
        };
    }, [selected, marks]);
    const onKey = (key: string) => {
        if (key === 'Delete' && chosen.length > 0) {
            void removeEntries(modama, chosen);
        } else if (key === 'F2' && chosen.length === 1) {
            ask.set({ kind: 'rename-entry', entry: chosen[0] });
        }
    };

    const open = (entry: Entry) => {
        if (entry.kind === 'folder' || (entry.kind === 'link' && entry.size_bytes === null)) {
            places.go(placeOf(entry));
        } else {
            setSelected(entry);
            host.showWide?.(entry);
        }
    };
    return (
        <>
            <ListTools
                searchLabel={trans.__('Filter by name')}
                searchHint={trans.__('Filter')}
                search={filter}
                onSearch={setFilter}
                sort={sort}
                onSort={setSort}
                orders={folderOrders(trans)}
            >
                <IconButton
                    icon="refresh"
                    label={trans.__('Refresh')}
                    onClick={() => void listing.refresh()}
                />
                <IconButton
                    icon="question"
                    label={trans.__('Why can’t I write here?')}
                    onClick={() => ask.set({ kind: 'explain', entry: folder })}
                />
            </ListTools>
            {head && !head.writable && head.reason && <p className="mo-quiet">{head.reason}</p>}
            {problem && listing.toSort > 0 && (
                <Box kind="info">
                    {trans.__(
                        'To sort by this, each of the %1 entries has to be looked at.',
                        amount(listing.toSort)
                    )}{' '}
                    <Button onClick={() => void listing.sortAnyway(jobs)}>{trans.__('Sort')}</Button>
                </Box>
            )}
            {problem && listing.toSort === 0 && (
                <ProblemBox problem={problem} again={() => void listing.refresh()} />
            )}
            {changed && (
                <Box kind="info">
                    {trans.__('The content of this folder has changed.')}{' '}
                    <Button onClick={() => void listing.refresh()}>{trans.__('Show')}</Button>
                </Box>
            )}
            <FilesBar folder={folder} head={head} chosen={chosen} />
            <DropZone folder={folder} writable={head?.writable ?? false} reason={head?.reason ?? ''}>
                <EntryList
                    listing={listing}
                    selected={selected?.name ?? select}
                    marks={marks}
                    onSelect={setSelected}
                    onMark={setMarks}
                    onOpen={open}
                    onUp={() => places.go(parentOf(places.current.get(), folder.path, around.get()))}
                    onKey={onKey}
                />
            </DropZone>
            <div className="mo-below-list">
                <p className="mo-count" role="status">
                    {head && trans._n('1 entry', '%2 entries', head.total, amount(head.total))}
                </p>
                {host.showSheet && (
                    <IconButton
                        icon="image"
                        label={trans.__('Contact sheet: all files as pictures')}
                        onClick={() => host.showSheet?.(folder)}
                    />
                )}
            </div>
            {selected && shown && shown.kind !== 'folder' && (
                <FileView key={shown.path} entry={shown} onClose={() => setSelected(undefined)} />
            )}
        </>
    );
}

/** The place that shows an entry: sessions and projects have their own pages. */
export function placeOf(entry: Entry): Place {
    const { path, path_b64, role_in_tree } = entry;
    const cut = path.lastIndexOf('/');
    if (role_in_tree === 'project') {
        return { view: 'project', project: path, path_b64 };
    }
    if (role_in_tree === 'session') {
        return { view: 'session', project: path.slice(0, cut), session: path.slice(cut + 1), path_b64 };
    }
    return { view: 'folder', path, path_b64 };
}

function parentOf(place: Place, path: string, around: Around): Place {
    const up = above(place);
    if (place.view !== 'folder' || !path.includes('/')) {
        return up;
    }
    const page = pageOf(path.slice(0, path.lastIndexOf('/')), around);
    return page.view === 'folder' ? up : page;
}

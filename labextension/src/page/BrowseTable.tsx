import { useEffect, useState } from 'react';
import { at, type Located } from '../api/client';
import type { Entry, FolderPage } from '../api/types';
import { amount, bytes, moment } from '../services/format';
import { useAnswer, useModama, useSettled, useTrans, useValue } from '../ui/context';
import { Icon } from '../ui/icons';
import { folderOrders, ListTools } from '../ui/ListTools';
import { Box, Button, Loading, ProblemBox } from '../ui/parts';
import { isPlain } from './Browse';
import { encoded } from './urls';

const PAGE = 100;

interface Props {
    folder: Located;
    base: string;
    go(to: Located): void;
}

/** A folder as a table with a column per tool, a page at a time, so that any size is one size. */
export function BrowseTable({ folder, base, go }: Props): JSX.Element {
    const { api, revision } = useModama();
    const trans = useTrans();
    const [filter, setFilter] = useState('');
    const [sort, setSort] = useState('name');
    const [start, setStart] = useState(0);
    const settled = useSettled(filter);
    const [pinned, setPinned] = useState('');
    const turn = useValue(revision);
    useEffect(() => {
        setStart(0);
        setPinned('');
    }, [settled, sort, turn]);
    const { answer, problem, loading, again } = useAnswer(
        signal =>
            api.call(
                'folder.list',
                {
                    ...at(folder),
                    limit: PAGE,
                    start,
                    cursor: pinned,
                    sort,
                    filter: settled,
                    addresses: true
                },
                signal
            ),
        folder.path,
        [settled, sort, start, pinned, turn]
    );
    const turnTo = (next: number) => {
        // All pages are of the names as they were when the first one was shown.
        setPinned(answer?.cursor ?? '');
        setStart(next);
    };
    const tools = [
        ...new Set(answer?.items.flatMap(entry => (entry.addresses ?? []).map(({ tool }) => tool)) ?? [])
    ].filter(tool => tool !== 'Permalink');
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
            />
            {problem && (
                <ProblemBox
                    problem={problem}
                    again={() => {
                        setPinned('');
                        again();
                    }}
                />
            )}
            {!answer && loading && <Loading />}
            {answer?.changed && (
                <Box kind="info">
                    {trans.__('The content of this folder has changed.')}{' '}
                    <Button
                        onClick={() => {
                            setPinned('');
                            again();
                        }}
                    >
                        {trans.__('Show')}
                    </Button>
                </Box>
            )}
            {answer && (
                <>
                    <table className="mp-table" aria-busy={loading}>
                        <thead>
                            <tr>
                                <th scope="col">{trans.__('Name')}</th>
                                <th scope="col" className="mp-number">
                                    {trans.__('Size')}
                                </th>
                                <th scope="col">{trans.__('Modified')}</th>
                                {tools.map(tool => (
                                    <th key={tool} scope="col" className="mp-tool">
                                        {tool}
                                    </th>
                                ))}
                            </tr>
                        </thead>
                        <tbody>
                            {answer.items.map(entry => (
                                <Row key={entry.path_b64 || entry.path} {...{ entry, tools, base, go }} />
                            ))}
                        </tbody>
                    </table>
                    {answer.total === 0 && (
                        <p className="mo-empty">
                            {settled
                                ? trans.__('Nothing here has such a name.')
                                : trans.__('This folder is empty.')}
                        </p>
                    )}
                    <Pages page={answer} turnTo={turnTo} />
                </>
            )}
        </>
    );
}

function Row({
    entry,
    tools,
    base,
    go
}: {
    entry: Entry;
    tools: string[];
    base: string;
    go(to: Located): void;
}): JSX.Element {
    const trans = useTrans();
    const to: Located = { path: entry.path, ...(entry.path_b64 ? { path_b64: entry.path_b64 } : {}) };
    return (
        <tr data-name={entry.name}>
            <th scope="row" className="mp-entry">
                <Icon name={entry.kind === 'folder' ? 'folder' : entry.problem ? 'warning' : 'file'} />
                <a
                    href={base + encoded(to)}
                    title={entry.problem || undefined}
                    onClick={event => {
                        if (isPlain(event)) {
                            event.preventDefault();
                            go(to);
                        }
                    }}
                >
                    {entry.name}
                </a>
                {entry.sealed && (
                    <span
                        className="mo-mark"
                        role="img"
                        aria-label={trans.__('sealed')}
                        title={trans.__('sealed')}
                    >
                        <Icon name="lock" />
                    </span>
                )}
            </th>
            <td className="mp-number">{entry.kind === 'file' ? bytes(entry.size_bytes) : ''}</td>
            <td className="mp-time">{moment(entry.modified)}</td>
            {tools.map(tool => {
                const address = entry.addresses?.find(known => known.tool === tool);
                return (
                    <td key={tool} className="mp-tool">
                        {address && (
                            <a
                                href={address.url}
                                target="_blank"
                                rel="noreferrer"
                                aria-label={trans.__('Open %1 with %2', entry.name, tool)}
                                title={trans.__('Open with %1', tool)}
                            >
                                <Icon name="open" />
                                <span className="mp-tool-name">{tool}</span>
                            </a>
                        )}
                    </td>
                );
            })}
        </tr>
    );
}

function Pages({ page, turnTo }: { page: FolderPage; turnTo(start: number): void }): JSX.Element | null {
    const trans = useTrans();
    if (page.total <= PAGE) {
        return null;
    }
    const end = Math.min(page.total, page.start + page.items.length);
    const last = Math.floor((page.total - 1) / PAGE) * PAGE;
    return (
        <nav className="mp-pages" aria-label={trans.__('Pages of this folder')}>
            <Button disabled={page.start === 0} onClick={() => turnTo(0)}>
                {trans.__('First')}
            </Button>
            <Button disabled={page.start === 0} onClick={() => turnTo(Math.max(0, page.start - PAGE))}>
                {trans.__('Previous')}
            </Button>
            <span role="status">
                {trans.__('%1 to %2 of %3', amount(page.start + 1), amount(end), amount(page.total))}
            </span>
            <Button disabled={end >= page.total} onClick={() => turnTo(page.start + PAGE)}>
                {trans.__('Next')}
            </Button>
            <Button disabled={end >= page.total} onClick={() => turnTo(last)}>
                {trans.__('Last')}
            </Button>
        </nav>
    );
}

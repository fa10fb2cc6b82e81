import type { ReactNode } from 'react';
import { amount } from '../services/format';
import { useTrans } from './context';
import type { Translation } from './host';
import { Button, Choice, Search } from './parts';

/** What stands above a list: a search, the order, and what else there is to do. */
export function ListTools(props: {
    searchLabel: string;
    searchHint: string;
    search: string;
    onSearch(value: string): void;
    sort: string;
    onSort(value: string): void;
    orders: [string, string][];
    children?: ReactNode;
}): JSX.Element {
    const trans = useTrans();
    return (
        <div className="mo-toolbar">
            <Search
                value={props.search}
                onChange={props.onSearch}
                label={props.searchLabel}
                hint={props.searchHint}
            />
            <Choice
                compact
                label={trans.__('Sort by')}
                value={props.sort}
                onChange={props.onSort}
                options={props.orders}
            />
            {props.children}
        </div>
    );
}

/** The orders in which a folder can be shown. */
export const folderOrders = (trans: Translation): [string, string][] => [
    ['name', trans.__('A to Z')],
    ['-name', trans.__('Z to A')],
    ['-modified', trans.__('newest')],
    ['modified', trans.__('oldest')],
    ['-size', trans.__('largest')],
    ['type', trans.__('type')]
];

/** What stands below a list that is not shown in full. */
export function ShowMore(props: { shown: number; total: number; onMore(): void }): JSX.Element | null {
    const trans = useTrans();
    if (props.shown >= props.total) {
        return null;
    }
    return (
        <Button onClick={props.onMore}>
            {trans.__('Show more (%1 of %2)', amount(props.shown), amount(props.total))}
        </Button>
    );
}

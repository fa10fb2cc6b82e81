import type { SessionState } from '../api/types';
import { useTrans } from './context';
import type { Translation } from './host';
import { Icon, type IconName } from './icons';

const ICONS: Record<SessionState, IconName> = {
    writable: 'pen',
    sealing: 'clock',
    interrupted: 'warning',
    partial: 'warning',
    sealed: 'lock',
    'sealed-bare': 'lock',
    'seal-lost': 'warning'
};

/** The word for a state, and what it means. */
export function stateWords(state: SessionState, trans: Translation): [string, string] {
    switch (state) {
        case 'writable':
            return [trans.__('writable'), trans.__('Members can still add, change and delete raw data.')];
        case 'sealing':
            return [trans.__('sealing'), trans.__('A seal is being made right now.')];
        case 'interrupted':
            return [
                trans.__('interrupted'),
                trans.__('A seal was begun and not finished; sealing again goes on from there.')
            ];
        case 'partial':
            return [
                trans.__('partly sealed'),
                trans.__('Files that were still being written are not sealed yet.')
            ];
        case 'sealed':
            return [
                trans.__('sealed'),
                trans.__('The raw data cannot be changed, and its checksums are on record.')
            ];
        case 'sealed-bare':
            return [
                trans.__('sealed, no checksums'),
                trans.__(
                    'The raw data cannot be changed, but nothing proves what it was; checksums can be added.'
                )
            ];
        case 'seal-lost':
            return [
                trans.__('seal lost'),
                trans.__(
                    'This was sealed, but the protection is gone. Verify tells whether anything has changed.'
                )
            ];
    }
}

/** The state of a session as a sign and a word; never by colour alone. */
export function StateBadge({ state }: { state: SessionState }): JSX.Element {
    const [word, meaning] = stateWords(state, useTrans());
    return (
        <span className={`mo-badge mo-badge-${state}`} title={meaning}>
            <Icon name={ICONS[state] ?? 'question'} />
            {word}
        </span>
    );
}

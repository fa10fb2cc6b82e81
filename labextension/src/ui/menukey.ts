import type { KeyboardEvent } from 'react';

export const isMenuKey = ({ key, shiftKey }: KeyboardEvent): boolean =>
    key === 'ContextMenu' || (key === 'F10' && shiftKey);

/** Open the menu of a row as a click of the right button does, beside the row's name. */
export function openMenu(row: Element | null): void {
    if (row) {
        const { left, bottom } = row.getBoundingClientRect();
        const at = { clientX: left + 24, clientY: bottom - 4 };
        row.dispatchEvent(
            new MouseEvent('contextmenu', { ...at, bubbles: true, cancelable: true, button: 2 })
        );
    }
}

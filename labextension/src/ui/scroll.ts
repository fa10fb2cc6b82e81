import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, type RefObject } from 'react';

/** Higher than this, Firefox draws nothing (17.9 million), Chromium neither (33.5 million). */
export const LARGEST_PX = 15_000_000;

type Rows = Virtualizer<HTMLDivElement, Element>;

export interface RowWindow {
    /** The rows to draw now. */
    indexes: number[];
    /** The height of the scrolled content. */
    height: number;
    /** Where row `index` is to be drawn now. */
    top(index: number): number;
    /** Scroll just as far as is needed to see row `index`. */
    show(index: number): void;
}

/**
 * Rows of one height, as many as there are, of which only those in sight are drawn.
 *
 * Where the whole would be higher than browsers can scroll, the bar is scaled: one pixel of it stands for several of the
 * content, and rows are drawn relative to what is in sight.
 */
export function useRows(count: number, rowHeight: number, scroller: RefObject<HTMLDivElement>): RowWindow {
    // The offset is observed once, while the number of rows changes: hence a reference.
    const full = useRef(0);
    full.current = count * rowHeight;
    const scale = useMemo(() => scaleOf(full, scroller), [scroller]);
    const observeElementOffset = useMemo(
        () => (rows: Rows, tell: (offset: number, scrolling: boolean) => void) => {
            const element = rows.scrollElement;
            const heard = () => tell((element?.scrollTop ?? 0) * scale(), false);
            heard();
            element?.addEventListener('scroll', heard, { passive: true });
            return () => element?.removeEventListener('scroll', heard);
        },
        [scale]
    );
    const rows = useVirtualizer<HTMLDivElement, Element>({
        count,
        estimateSize: () => rowHeight,
        getScrollElement: () => scroller.current,
        observeElementOffset,
        overscan: 12,
        scrollToFn: () => undefined // `show` scrolls
    });
    const offset = rows.scrollOffset ?? 0;
    return {
        indexes: rows.getVirtualItems().map(({ index }) => index),
        height: Math.min(count * rowHeight, LARGEST_PX),
        top: index => index * rowHeight - offset + offset / scale(),
        show: index => {
            const element = scroller.current;
            if (!element) {
                return;
            }
            const now = element.scrollTop * scale();
            const [first, last] = [index * rowHeight, (index + 1) * rowHeight - element.clientHeight];
            if (first < now || last > now) {
                element.scrollTo({ top: (first < now ? first : last) / scale() });
            }
        }
    };
}

/** How many pixels of the content one pixel of the scroll bar stands for; at its end is the end of the content. */
function scaleOf(full: RefObject<number>, scroller: RefObject<HTMLDivElement>): () => number {
    return () => {
        const view = scroller.current?.clientHeight ?? 0;
        const height = full.current ?? 0;
        return height > LARGEST_PX ? (height - view) / (LARGEST_PX - view) : 1;
    };
}

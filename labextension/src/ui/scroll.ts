import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import { useMemo, type RefObject } from 'react';

/** Higher than this, Firefox draws nothing (17.9 million), Chromium neither (33.5 million). */
export const LARGEST_PX = 15_000_000;

export interface Rows {
    virtualizer: Virtualizer<HTMLDivElement, Element>;
    /** The height of the scrolled content. */
    height: number;
    /** Where row `index` is to be drawn now. */
    top(index: number): number;
}

/**
 * Rows of one height, as many as there are, of which only those in sight are drawn.
 *
 * Where the whole would be higher than browsers can scroll, the bar is scaled: one pixel of it stands for several of the
 * content, and rows are drawn relative to what is in sight.
 */
export function useRows(count: number, rowHeight: number, scroller: RefObject<HTMLDivElement>): Rows {
    const full = count * rowHeight;
    const scale = Math.max(1, full / LARGEST_PX);
    const observeElementOffset = useMemo(
        () =>
            (
                instance: Virtualizer<HTMLDivElement, Element>,
                tell: (offset: number, scrolling: boolean) => void
            ) => {
                const element = instance.scrollElement;
                const heard = () => tell((element?.scrollTop ?? 0) * scale, false);
                heard();
                element?.addEventListener('scroll', heard, { passive: true });
                return () => element?.removeEventListener('scroll', heard);
            },
        [scale]
    );
    const virtualizer = useVirtualizer<HTMLDivElement, Element>({
        count,
        estimateSize: () => rowHeight,
        getScrollElement: () => scroller.current,
        observeElementOffset,
        overscan: 12,
        scrollToFn: (offset, _options, instance) => {
            instance.scrollElement?.scrollTo({ top: offset / scale });
        }
    });
    const offset = virtualizer.scrollOffset ?? 0;
    return {
        virtualizer,
        height: Math.min(full, LARGEST_PX),
        top: index => index * rowHeight - offset + offset / scale
    };
}

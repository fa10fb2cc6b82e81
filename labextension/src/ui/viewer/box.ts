import { useEffect, useState, type RefObject } from 'react';
import type { Size } from '../../services/image/view';

const BEFORE: Size = { width: 320, height: 240 };

/** How large an element is now. */
export function useBox(element: RefObject<HTMLElement>): Size {
    const [box, setBox] = useState(BEFORE);
    useEffect(() => {
        const shown = element.current;
        if (!shown || typeof ResizeObserver === 'undefined') {
            return;
        }
        const look = () => {
            const { clientWidth: width, clientHeight: height } = shown;
            // A tab that is hidden has no size, and comes back with the one that it had.
            if (width > 0 && height > 0) {
                setBox(old => (old.width === width && old.height === height ? old : { width, height }));
            }
        };
        const observer = new ResizeObserver(look);
        observer.observe(shown);
        look();
        return () => observer.disconnect();
    }, [element]);
    return box;
}

/** A value that tells when it changes. The interface reads it with `useValue`. */
export class Value<T> {
    constructor(private current: T) {}

    get = (): T => this.current;

    set(next: T): void {
        if (next !== this.current) {
            this.current = next;
            for (const listener of [...this.listeners]) {
                listener();
            }
        }
    }

    /** Call `listener` at each change; the answer ends that. */
    subscribe = (listener: () => void): (() => void) => {
        this.listeners.add(listener);
        return () => {
            this.listeners.delete(listener);
        };
    };

    private listeners = new Set<() => void>();
}

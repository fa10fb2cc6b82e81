import { configure } from '@testing-library/react';

// jsdom draws nothing: no box has a size, and a <dialog> does not open. What the components need of both, put in.

for (const [name, value] of [
    ['clientHeight', 480],
    ['clientWidth', 320],
    ['offsetHeight', 480],
    ['offsetWidth', 320]
] as const) {
    Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => value });
}

HTMLElement.prototype.scrollTo = function (this: HTMLElement, options?: ScrollToOptions | number): void {
    this.scrollTop = typeof options === 'object' ? (options.top ?? 0) : 0;
    this.dispatchEvent(new Event('scroll'));
} as HTMLElement['scrollTo'];

// Nothing hides anything: what is looked at is in sight.
globalThis.IntersectionObserver = class {
    constructor(private told: IntersectionObserverCallback) {}
    observe = (target: Element) =>
        this.told([{ isIntersecting: true, target } as IntersectionObserverEntry], this as never);
    disconnect = () => undefined;
} as never;

HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement): void {
    this.open = true;
};

const node = jest.requireActual<Record<string, unknown>>('util');
Object.assign(globalThis, { TextDecoder: node.TextDecoder, TextEncoder: node.TextEncoder });

// Lab looks for it when it is loaded, and warns.
Object.defineProperty(navigator, 'clipboard', { configurable: true, value: {} });

URL.createObjectURL ??= () => 'blob:picture';
URL.revokeObjectURL ??= () => undefined;

// The virtual list draws again outside of React's own events, which is what it is for.
const { error } = console;
console.error = (...said: unknown[]) => String(said[0]).includes('not wrapped in act(') || error(...said);

export {};

// A busy machine is slow, and not wrong.
configure({ asyncUtilTimeout: 10_000 });

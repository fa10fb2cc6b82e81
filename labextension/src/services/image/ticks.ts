/** Round numbers between two others, about `wanted` of them. */
export function ticks(low: number, high: number, wanted: number): number[] {
    const span = high - low;
    if (!(span > 0) || !Number.isFinite(span)) {
        return [];
    }
    const power = 10 ** Math.floor(Math.log10(span / Math.max(1, wanted)));
    const step = [1, 2, 5, 10].map(n => n * power).find(n => span / n <= wanted) ?? 10 * power;
    const found: number[] = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) {
        found.push(Number((i * step).toPrecision(12)));
    }
    return found;
}

/** At most two points each pixel across, the lowest and the highest, in their order: a curve of any length looks the same. */
export function thinned(ys: ArrayLike<number>, first: number, last: number, pixels: number): number[] {
    const count = last - first + 1;
    if (count <= 2 * pixels) {
        return Array.from({ length: Math.max(0, count) }, (_, i) => first + i);
    }
    const found: number[] = [];
    for (let pixel = 0; pixel < pixels; pixel += 1) {
        const from = first + Math.floor((pixel * count) / pixels);
        const to = first + Math.floor(((pixel + 1) * count) / pixels);
        let [low, high] = [from, from];
        for (let i = from; i < to; i += 1) {
            low = ys[i] < ys[low] ? i : low;
            high = ys[i] > ys[high] ? i : high;
        }
        found.push(Math.min(low, high), ...(low === high ? [] : [Math.max(low, high)]));
    }
    return found;
}

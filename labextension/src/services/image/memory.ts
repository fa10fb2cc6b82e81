import { at, type Api, type Located } from '../../api/client';
import type { Frame, FrameOptions } from '../../api/types';

const MOST_BYTES = 128 << 20;

/** The frames that were seen last, so that going back takes no time. */
export class FrameMemory {
    private readonly kept = new Map<string, Frame>();
    private bytes = 0;

    constructor(
        private readonly api: Pick<Api, 'frame'>,
        private readonly mostBytes = MOST_BYTES
    ) {}

    /** A frame of a file as it was at `modified`; asked for once. */
    async get(
        file: Located & { modified?: string | null },
        options: FrameOptions,
        signal: AbortSignal
    ): Promise<Frame> {
        const key = JSON.stringify([at(file), file.modified, options]);
        const known = this.kept.get(key);
        if (known) {
            this.kept.delete(key);
            this.kept.set(key, known);
            return known;
        }
        const found = await this.api.frame(file, options, signal);
        this.kept.set(key, found);
        this.bytes += found.raster.values.byteLength;
        for (const [oldest, frame] of this.kept) {
            if (this.bytes <= this.mostBytes) {
                break;
            }
            this.kept.delete(oldest);
            this.bytes -= frame.raster.values.byteLength;
        }
        return found;
    }
}

const memories = new WeakMap<object, FrameMemory>();

/** The memory of a server's frames, one for all that look at them. */
export function memoryOf(api: Pick<Api, 'frame'>): FrameMemory {
    const memory = memories.get(api) ?? new FrameMemory(api);
    memories.set(api, memory);
    return memory;
}

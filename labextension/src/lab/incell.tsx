import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Located } from '../api/client';
import type { Modama } from '../services/modama';
import { CellFile } from '../ui/CellFile';

export const MIME_TYPE = 'application/vnd.modama.entry+json';

/** What a cell put out when it showed a file of the data. */
export class EntryInCell extends ReactWidget implements IRenderMime.IRenderer {
    constructor(private readonly modama: Modama) {
        super();
        this.addClass('mo-in-cell');
    }

    renderModel(model: IRenderMime.IMimeModel): Promise<void> {
        this.file = located(model.data[MIME_TYPE]);
        this.update();
        return this.renderPromise ?? Promise.resolve();
    }

    protected render(): JSX.Element {
        return <CellFile modama={this.modama} file={this.file} />;
    }

    private file: Located | undefined;
}

/** The path in an output, which anybody may have written; undefined where there is none. */
export function located(found: unknown): Located | undefined {
    const { path, path_b64 } = (found ?? {}) as Record<string, unknown>;
    if (typeof path !== 'string') {
        return undefined;
    }
    return typeof path_b64 === 'string' && path_b64 !== '' ? { path, path_b64 } : { path };
}

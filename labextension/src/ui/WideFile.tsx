import type { Entry } from '../api/types';
import type { Modama } from '../services/modama';
import { ModamaProvider } from './context';
import { FileView } from './FileView';

/** One file by itself, where there is more room than in the panel. */
export function WideFile({ modama, entry }: { modama: Modama; entry: Entry }): JSX.Element {
    return (
        <ModamaProvider value={modama}>
            <div className="mo-root">
                <div className="mo-page mo-wide">
                    <FileView entry={entry} wide />
                </div>
            </div>
        </ModamaProvider>
    );
}

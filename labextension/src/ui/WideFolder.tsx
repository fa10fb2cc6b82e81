import { lazy, Suspense } from 'react';
import type { Located } from '../api/client';
import type { Modama } from '../services/modama';
import { ModamaProvider } from './context';
import { Loading } from './parts';

const ContactSheet = lazy(() => import('./viewer/ContactSheet'));

/** A folder by itself, as pictures, where there is more room than in the panel. */
export function WideFolder({ modama, folder }: { modama: Modama; folder: Located }): JSX.Element {
    return (
        <ModamaProvider value={modama}>
            <div className="mo-root">
                <Suspense fallback={<Loading />}>
                    <ContactSheet folder={folder} />
                </Suspense>
            </div>
        </ModamaProvider>
    );
}

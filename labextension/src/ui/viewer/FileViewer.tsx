import { lazy, Suspense } from 'react';
import type { Entry } from '../../api/types';
import { useModama, useValue } from '../context';
import { Loading } from '../parts';
import { PreviewView } from '../PreviewView';

/** Loaded when the first file is looked at: the panel does not need it to be drawn. */
const Viewer = lazy(() => import('./Viewer'));

interface Props {
    entry: Entry;
    /** With the room of a side bar: smaller frames, and fewer tools at first. */
    compact: boolean;
}

/** A microscope file to look at closely, or a picture of it where the server gives no numbers of frames. */
export function FileViewer({ entry, compact }: Props): JSX.Element {
    if (!useGivesFrames()) {
        return <PreviewView entry={entry} size={compact ? 512 : 1024} />;
    }
    return (
        <Suspense fallback={<Loading />}>
            <Viewer entry={entry} compact={compact} />
        </Suspense>
    );
}

/** Whether the server gives the numbers of frames. */
export function useGivesFrames(): boolean {
    const state = useValue(useModama().server.state);
    return state.kind === 'ready' && state.status.frames;
}

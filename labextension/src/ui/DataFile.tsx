import { at, type Located } from '../api/client';
import type { Modama } from '../services/modama';
import { ModamaProvider, useAnswer, useModama, useTrans, useValue } from './context';
import { NotReady } from './App';
import { FileView } from './FileView';
import { Box, Loading, ProblemBox } from './parts';

interface Props {
    modama: Modama;
    /** The path of the data; undefined where the file does not lie in the data. Asked for once the server is known. */
    where(): string | undefined;
}

/** A file of the data that is known by its path alone, with all the room there is. */
export function DataFile({ modama, where }: Props): JSX.Element {
    return (
        <ModamaProvider value={modama}>
            <div className="mo-root">
                <div className="mo-page mo-wide">
                    <Met where={where} />
                </div>
            </div>
        </ModamaProvider>
    );
}

function Met({ where }: Pick<Props, 'where'>): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    const state = useValue(modama.server.state);
    if (state.kind !== 'ready') {
        return <NotReady state={state} again={() => void modama.start()} />;
    }
    const path = where();
    return path === undefined ? (
        <Box kind="info">
            {trans.__(
                'This file does not lie in the folder of the data (%1), so it cannot be shown here.',
                state.status.root || trans.__('there is none yet')
            )}
        </Box>
    ) : (
        <OfPath file={{ path }} />
    );
}

/** A file by its path; what is known of it is asked for. */
export function OfPath({ file }: { file: Located }): JSX.Element {
    const { api } = useModama();
    const { answer, problem, again } = useAnswer(
        signal => api.call('entry.show', at(file), signal),
        file.path
    );
    if (!answer) {
        return problem ? <ProblemBox problem={problem} again={again} /> : <Loading />;
    }
    return <FileView entry={answer.entry} wide />;
}

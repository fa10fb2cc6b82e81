import { at, type Located } from '../api/client';
import type { Modama } from '../services/modama';
import { NotReady } from './App';
import { ModamaProvider, useAnswer, useModama, useTrans, useValue } from './context';
import { Box, IconButton, Loading, ProblemBox } from './parts';
import { FileViewer } from './viewer/FileViewer';

/** A file in the output of a notebook's cell. */
export function CellFile({ modama, file }: { modama: Modama; file: Located | undefined }): JSX.Element {
    return (
        <ModamaProvider value={modama}>
            <div className="mo-root mo-cell">{file ? <Met file={file} /> : <NoFile />}</div>
        </ModamaProvider>
    );
}

function NoFile(): JSX.Element {
    return <Box kind="warning">{useTrans().__('This output names no file.')}</Box>;
}

function Met({ file }: { file: Located }): JSX.Element {
    const modama = useModama();
    const state = useValue(modama.server.state);
    return state.kind === 'ready' ? (
        <Shown file={file} />
    ) : (
        <NotReady state={state} again={() => void modama.start()} />
    );
}

function Shown({ file }: { file: Located }): JSX.Element {
    const { api, host } = useModama();
    const trans = useTrans();
    const { answer, problem, again } = useAnswer(
        signal => api.call('entry.show', at(file), signal),
        file.path
    );
    if (!answer) {
        return problem ? <ProblemBox problem={problem} again={again} /> : <Loading />;
    }
    return (
        <section aria-label={trans.__('File %1', answer.entry.name)}>
            <div className="mo-heading">
                <span title={answer.entry.path}>{answer.entry.name}</span>
                {host.showWide && (
                    <IconButton
                        icon="open"
                        label={trans.__('Show larger')}
                        onClick={() => host.showWide?.(answer.entry)}
                    />
                )}
            </div>
            <FileViewer entry={answer.entry} compact />
        </section>
    );
}

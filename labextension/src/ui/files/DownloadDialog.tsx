import { at, type Located } from '../../api/client';
import { copyText } from '../../services/copying';
import { amount, bytes } from '../../services/format';
import { amountOfData } from '../../services/phrases';
import { useAnswer, useModama, useTrans } from '../context';
import { Modal } from '../Modal';
import { Box, Button, Facts, Loading, ProblemBox } from '../parts';

/** Above this a broken line costs more than learning a command. */
const LARGE_BYTES = 4 * 2 ** 30;

/** How much a selection holds, before anything is fetched; then a zip file, or a list for rsync. */
export function DownloadDialog({ entries }: { entries: readonly Located[] }): JSX.Element {
    const modama = useModama();
    const { api } = modama;
    const trans = useTrans();
    const { answer, problem, again } = useAnswer(
        signal => api.call('download.prepare', { paths: entries.map(at) as never }, signal),
        entries.map(({ path }) => path).join('\n')
    );
    const large = answer !== undefined && (answer.bytes >= LARGE_BYTES || !answer.complete);
    return (
        <Modal title={trans.__('Download')}>
            {!answer && !problem && <Loading />}
            {problem && <ProblemBox problem={problem} again={again} />}
            {answer && (
                <>
                    <Facts
                        rows={[
                            [trans.__('Holds'), holds(amountOfData(answer.bytes, answer.files, trans))],
                            [trans.__('Folders'), answer.folders > 0 && amount(answer.folders)],
                            [trans.__('File'), answer.name]
                        ]}
                    />
                    {large && (
                        <Box kind="warning">
                            {trans.__(
                                'This is much for a browser, which begins anew when the line breaks; rsync goes on.'
                            )}
                        </Box>
                    )}
                    <p>
                        <a
                            className="mo-button mo-button-main"
                            href={api.zipAddress(answer.ticket)}
                            download={answer.name}
                        >
                            {trans.__('Download as zip (%1)', bytes(answer.bytes))}
                        </a>
                    </p>
                    <p className="mo-quiet">
                        {trans.__(
                            'The last file in it says whether everything is there as it was on the disk; a zip without it was broken off.'
                        )}
                    </p>
                    <h3>{trans.__('With rsync')}</h3>
                    <p className="mo-quiet">
                        {trans.__('Save the list as modama-files.txt, and run the command beside it.')}
                    </p>
                    <pre className="mo-command">
                        {answer.rsync || trans.__('This site names no computer for ssh.')}
                    </pre>
                    <div className="mo-toolbar">
                        <Button
                            icon="copy"
                            onClick={() => void copyText(modama, answer.include, trans.__('The list'))}
                        >
                            {trans.__('Copy list')}
                        </Button>
                        {answer.rsync && (
                            <Button
                                icon="copy"
                                onClick={() => void copyText(modama, answer.rsync, trans.__('The command'))}
                            >
                                {trans.__('Copy command')}
                            </Button>
                        )}
                    </div>
                </>
            )}
        </Modal>
    );

    function holds(found: string): string {
        return answer?.complete ? found : trans.__('at least %1, still more was not counted', found);
    }
}

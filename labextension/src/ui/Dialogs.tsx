import { at, type Located } from '../api/client';
import { useAnswer, useModama, useTrans, useValue } from './context';
import { EditProjectDialog, EditSessionDialog } from './EditDialogs';
import { DownloadDialog } from './files/DownloadDialog';
import { NewFolderDialog, RenameDialog } from './files/FileDialogs';
import { MakeSessionDialog, MoveDialog } from './files/MoveDialogs';
import { LibertemDialog } from './LibertemDialog';
import { LinksView } from './LinksView';
import { MailsDialog } from './MailsDialog';
import { MembersDialog } from './MembersDialog';
import { Modal } from './Modal';
import { NewProjectDialog } from './NewProjectDialog';
import { NewSessionDialog } from './NewSessionDialog';
import { Box, Loading, ProblemBox } from './parts';
import { AdoptDialog, TransferDialog, VisibilityDialog } from './ProjectDialogs';
import { DeclineUnsealDialog, RequestUnsealDialog } from './RequestUnseal';
import { RightsDialog } from './RightsDialog';
import { SealDialog } from './SealDialog';
import { UnsealDialog } from './UnsealDialog';

/** The dialog that is open, if one is. */
export function Dialogs(): JSX.Element | null {
    const asked = useValue(useModama().ask);
    switch (asked?.kind) {
        case 'new-project':
            return <NewProjectDialog />;
        case 'new-session':
            return <NewSessionDialog project={asked.project} path_b64={asked.path_b64} />;
        case 'edit-project':
            return <EditProjectDialog project={asked.project} />;
        case 'edit-session':
            return <EditSessionDialog session={asked.session} />;
        case 'mails':
            return <MailsDialog />;
        case 'members':
            return <MembersDialog project={asked.project} />;
        case 'visibility':
            return <VisibilityDialog project={asked.project} />;
        case 'transfer':
            return <TransferDialog project={asked.project} />;
        case 'adopt':
            return <AdoptDialog project={asked.project} />;
        case 'rights':
            return <RightsDialog project={asked.project} />;
        case 'request-unseal':
            return <RequestUnsealDialog session={asked.session} />;
        case 'decline-unseal':
            return <DeclineUnsealDialog request={asked.request} />;
        case 'seal':
            return <SealDialog session={asked.session} />;
        case 'unseal':
            return <UnsealDialog session={asked.session} />;
        case 'explain':
            return <ExplainDialog entry={asked.entry} />;
        case 'new-folder':
            return <NewFolderDialog folder={asked.folder} />;
        case 'rename-entry':
            return <RenameDialog entry={asked.entry} />;
        case 'move-entries':
            return <MoveDialog entries={asked.entries} project={asked.project} />;
        case 'make-session':
            return <MakeSessionDialog entry={asked.entry} project={asked.project} />;
        case 'download':
            return <DownloadDialog entries={asked.entries} />;
        case 'links':
            return <LinksDialog entry={asked.entry} />;
        case 'libertem':
            return <LibertemDialog entry={asked.entry} />;
        default:
            return null;
    }
}

function ExplainDialog({ entry }: { entry: Located }): JSX.Element {
    const { api } = useModama();
    const trans = useTrans();
    const { answer, problem, again } = useAnswer(
        signal => api.call('entry.explain', at(entry), signal),
        entry.path
    );
    return (
        <Modal
            title={answer?.writable ? trans.__('You can write here') : trans.__('Why can’t I write here?')}
        >
            <p className="mo-quiet">
                <code>{entry.path}</code>
            </p>
            {!answer && !problem && <Loading />}
            {problem && <ProblemBox problem={problem} again={again} />}
            {answer && (
                <>
                    <Box kind={answer.writable ? 'success' : 'warning'}>{answer.sentence}</Box>
                    <ul>
                        {answer.reasons.map(({ code, sentence, next_step }) => (
                            <li key={code}>
                                {sentence !== answer.sentence && <div>{capitalised(sentence)}</div>}
                                {next_step && <div className="mo-quiet">{capitalised(next_step)}</div>}
                            </li>
                        ))}
                    </ul>
                </>
            )}
        </Modal>
    );
}

/** A sentence of the server with a capital letter, as one that stands alone has it. */
function capitalised(sentence: string): string {
    return sentence.charAt(0).toLocaleUpperCase() + sentence.slice(1);
}

function LinksDialog({ entry }: { entry: Located }): JSX.Element {
    const trans = useTrans();
    return (
        <Modal title={trans.__('Links and commands for “%1”', entry.path.split('/').pop())}>
            <LinksView entry={entry} />
        </Modal>
    );
}

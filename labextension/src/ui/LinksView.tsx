import { at, type Located } from '../api/client';
import type { Link } from '../api/types';
import { copyText } from '../services/actions';
import { useAnswer, useModama, useTrans } from './context';
import type { Translation } from './host';
import { Box, Button, IconButton, Loading, ProblemBox } from './parts';

/** Every address of a path: to open, to run, to paste. */
export function LinksView({ entry }: { entry: Located }): JSX.Element {
    const { api } = useModama();
    const trans = useTrans();
    const { answer, problem, again } = useAnswer(
        signal => api.call('entry.links', at(entry), signal),
        entry.path
    );
    if (!answer) {
        return problem ? <ProblemBox problem={problem} again={again} /> : <Loading />;
    }
    const groups = [...new Set(answer.items.map(link => link.group))];
    return (
        <div className="mo-links">
            {answer.advice && <Box kind="info">{answer.advice}</Box>}
            {groups.map(group => (
                <section key={group}>
                    <h4>{groupWord(group, trans)}</h4>
                    {answer.items
                        .filter(link => link.group === group)
                        .map(link => (
                            <LinkLine key={`${link.tool} ${link.label}`} link={link} />
                        ))}
                </section>
            ))}
        </div>
    );
}

function LinkLine({ link }: { link: Link }): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    return (
        <div className="mo-link">
            <span className="mo-label">{link.label}</span>
            <div className="mo-link-value">
                <code>{link.value}</code>
                <IconButton
                    icon="copy"
                    label={trans.__('Copy: %1', link.label)}
                    onClick={() => void copyText(modama, link.value, link.label)}
                />
                {link.kind === 'url' && /^https?:/.test(link.value) && (
                    <Button icon="open" onClick={() => modama.host.open(link.value)}>
                        {trans.__('Open')}
                    </Button>
                )}
            </div>
            {link.note && <span className="mo-help">{link.note}</span>}
        </div>
    );
}

function groupWord(group: string, trans: Translation): string {
    switch (group) {
        case 'open':
            return trans.__('Open with');
        case 'transfer':
            return trans.__('Copy to or from another machine');
        case 'mount':
            return trans.__('Use as a network drive');
        case 'copy':
            return trans.__('Paste into a text or notebook');
        default:
            return group;
    }
}

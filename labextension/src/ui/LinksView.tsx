import { at, type Located } from '../api/client';
import type { Link, Links } from '../api/types';
import { openInLibertem, openInNotebook } from '../services/actions';
import { copyText } from '../services/copying';
import type { Modama } from '../services/modama';
import { useAnswer, useModama, useTrans } from './context';
import type { Translation } from './host';
import { Box, Button, IconButton, Loading, ProblemBox } from './parts';

/** Every address of a path: to open, to run, to paste. */
export function LinksView({ entry }: { entry: Located }): JSX.Element {
    const { api } = useModama();
    const { answer, problem, again } = useAnswer(
        signal => api.call('entry.links', at(entry), signal),
        entry.path
    );
    if (!answer) {
        return problem ? <ProblemBox problem={problem} again={again} /> : <Loading />;
    }
    return <LinkLines links={answer} entry={entry} />;
}

/** The lines themselves, by what they are for. */
export function LinkLines({ links, entry }: { links: Links; entry: Located }): JSX.Element {
    const trans = useTrans();
    const groups = [...new Set(links.items.map(link => link.group))];
    return (
        <div className="mo-links">
            {links.advice && <Box kind="info">{links.advice}</Box>}
            {groups.map(group => (
                <section key={group}>
                    <h4>{groupWord(group, trans)}</h4>
                    {links.items
                        .filter(link => link.group === group)
                        .map(link => (
                            <LinkLine key={`${link.tool} ${link.label}`} link={link} entry={entry} />
                        ))}
                </section>
            ))}
        </div>
    );
}

function LinkLine({ link, entry }: { link: Link; entry: Located }): JSX.Element {
    const trans = useTrans();
    const modama = useModama();
    const open = openerOf(modama, link, entry);
    const ours = link.value.startsWith(OURS);
    if (ours && !open) {
        return <></>;
    }
    return (
        <div className="mo-link">
            <span className="mo-label">{link.label}</span>
            <div className="mo-link-value">
                {!ours && (
                    <>
                        <code>{link.value}</code>
                        <IconButton
                            icon="copy"
                            label={trans.__('Copy: %1', link.label)}
                            onClick={() => void copyText(modama, link.value, link.label)}
                        />
                    </>
                )}
                {open && (
                    <Button icon="open" onClick={open}>
                        {trans.__('Open')}
                    </Button>
                )}
            </div>
            {link.note && <span className="mo-help">{link.note}</span>}
        </div>
    );
}

/** Addresses of what this panel does itself. */
const OURS = 'modama:';

/** What opens a link; undefined for what can only be copied. */
function openerOf(modama: Modama, link: Link, entry: Located): (() => void) | undefined {
    const act = (work: () => Promise<void>) => () => {
        modama.ask.set(undefined);
        void work();
    };
    if (link.value.startsWith(`${OURS}libertem`)) {
        return act(() => openInLibertem(modama, entry));
    }
    if (link.value.startsWith(`${OURS}notebook`)) {
        return modama.host.openNotebook && act(() => openInNotebook(modama, entry));
    }
    return link.kind === 'url' && /^https?:/.test(link.value)
        ? () => modama.host.open(link.value)
        : undefined;
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

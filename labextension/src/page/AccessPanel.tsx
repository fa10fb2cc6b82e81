import { at, type Located } from '../api/client';
import type { Link } from '../api/types';
import { copyText } from '../services/copying';
import { useAnswer, useModama, useTrans } from '../ui/context';
import { IconButton, Loading, ProblemBox } from '../ui/parts';
import { LinkLines } from '../ui/LinksView';

/** “Access this file or folder”: the programs that open it, and every other way to it. */
export function AccessPanel({ entry }: { entry: Located }): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    const { answer, problem, again } = useAnswer(
        signal => modama.api.call('entry.links', at(entry), signal),
        entry.path
    );
    const opening = answer?.items.filter(isAddress) ?? [];
    const permalink = opening.find(link => link.tool === 'Permalink');
    return (
        <aside className="mp-access" aria-label={trans.__('Access this file or folder')}>
            <h2>{trans.__('Access this file or folder')}</h2>
            {problem && <ProblemBox problem={problem} again={again} />}
            {!answer && !problem && <Loading />}
            {permalink && (
                <div className="mp-permalink">
                    <code>{permalink.value}</code>
                    <IconButton
                        icon="copy"
                        label={trans.__('Copy the permalink')}
                        onClick={() => void copyText(modama, permalink.value, trans.__('The permalink'))}
                    />
                </div>
            )}
            <ul className="mp-tools">
                {opening
                    .filter(link => link !== permalink)
                    .map(link => (
                        <li key={link.tool}>
                            <a className="mo-button" href={link.value} target="_blank" rel="noreferrer">
                                {link.label}
                            </a>
                            {link.note && <span className="mo-help">{link.note}</span>}
                        </li>
                    ))}
            </ul>
            {answer && (
                <details className="mp-more">
                    <summary>{trans.__('Commands, network drives, lines to paste')}</summary>
                    <LinkLines links={{ ...answer, items: answer.items.filter(isOther) }} entry={entry} />
                </details>
            )}
        </aside>
    );
}

/** What a browser opens. */
const isAddress = (link: Link): boolean =>
    link.group === 'open' && link.kind === 'url' && /^https?:/.test(link.value);

/** What a person copies; not what JupyterLab's panel does by itself. */
const isOther = (link: Link): boolean => !isAddress(link) && !link.value.startsWith('modama:');

import { useState } from 'react';
import type { Entry } from '../api/types';
import { openInLibertem, openInNotebook } from '../services/actions';
import { copyText } from '../services/copying';
import { bytes, moment } from '../services/format';
import { useModama, useTrans } from './context';
import { MetadataView } from './MetadataView';
import { Box, Button, Facts, IconButton } from './parts';
import { FileViewer, useGivesFrames } from './viewer/FileViewer';

/** One file: how it looks, what it says of itself, what can be done with it. */
export function FileView({
    entry,
    onClose,
    wide
}: {
    entry: Entry;
    onClose?(): void;
    wide?: boolean;
}): JSX.Element {
    const { host } = useModama();
    const trans = useTrans();
    const [tab, setTab] = useState<'preview' | 'metadata'>('preview');
    // With room enough the viewer shows the metadata beside the picture.
    const givesFrames = useGivesFrames();
    const tabs = wide && givesFrames ? [] : (['preview', 'metadata'] as const);
    return (
        <section className="mo-file" aria-label={trans.__('File %1', entry.name)}>
            <div className="mo-heading">
                <h3 title={entry.path}>{entry.name}</h3>
                {!wide && host.showWide && (
                    <IconButton
                        icon="open"
                        label={trans.__('Show larger')}
                        onClick={() => host.showWide?.(entry)}
                    />
                )}
                {onClose && <IconButton icon="close" label={trans.__('Close')} onClick={onClose} />}
            </div>
            {entry.problem && <Box kind="warning">{entry.problem}</Box>}
            <Openers entry={entry} />
            <div className="mo-tab-bar">
                <div className="mo-tabs" role={tabs.length > 0 ? 'tablist' : undefined}>
                    {tabs.map(name => (
                        <button
                            key={name}
                            type="button"
                            role="tab"
                            aria-selected={tab === name}
                            className="mo-tab"
                            onClick={() => setTab(name)}
                        >
                            {name === 'preview' ? trans.__('Preview') : trans.__('Metadata')}
                        </button>
                    ))}
                </div>
                <FileActions entry={entry} />
            </div>
            {tab === 'preview' ? (
                <FileViewer entry={entry} compact={!wide} />
            ) : (
                <MetadataView entry={entry} />
            )}
            <Facts
                rows={[
                    [trans.__('Size'), bytes(entry.size_bytes)],
                    [trans.__('Modified'), moment(entry.modified)],
                    [trans.__('Owner'), entry.owner],
                    [trans.__('Points to'), entry.target],
                    [trans.__('Sealed'), entry.sealed ? trans.__('yes, it cannot be changed') : '']
                ]}
            />
        </section>
    );
}

function Openers({ entry }: { entry: Entry }): JSX.Element {
    const modama = useModama();
    const { host } = modama;
    const trans = useTrans();
    return (
        <div className="mo-toolbar">
            <Button icon="open" look="main" onClick={() => void openInLibertem(modama, entry)}>
                {trans.__('Open in LiberTEM')}
            </Button>
            {host.openNotebook && (
                <Button
                    icon="notebook"
                    label={trans.__('Open in notebook')}
                    onClick={() => void openInNotebook(modama, entry)}
                >
                    {trans.__('Notebook')}
                </Button>
            )}
        </div>
    );
}

function FileActions({ entry }: { entry: Entry }): JSX.Element {
    const modama = useModama();
    const { ask } = modama;
    const trans = useTrans();
    return (
        <div className="mo-icons">
            <IconButton
                icon="copy"
                label={trans.__('Copy path')}
                onClick={() => void copyText(modama, entry.path, trans.__('The path'))}
            />
            <IconButton
                icon="link"
                label={trans.__('Links and commands')}
                onClick={() => ask.set({ kind: 'links', entry })}
            />
            <IconButton
                icon="question"
                label={trans.__('Why can’t I write here?')}
                onClick={() => ask.set({ kind: 'explain', entry })}
            />
        </div>
    );
}

import { useState } from 'react';
import { at } from '../api/client';
import type { Entry, MetadataField, Signal } from '../api/types';
import { useAnswer, useModama, useTrans } from './context';
import { Loading, ProblemBox, Search } from './parts';

/** What the instrument wrote into a file, in groups, searchable. */
export function MetadataView({ entry }: { entry: Entry }): JSX.Element {
    const { api } = useModama();
    const trans = useTrans();
    const [search, setSearch] = useState('');
    const { answer, problem, again } = useAnswer(
        signal => api.call('entry.metadata', at(entry), signal),
        entry.path,
        [entry.modified]
    );
    if (!answer) {
        return problem ? <ProblemBox problem={problem} again={again} /> : <Loading />;
    }
    if (!answer.readable) {
        return <p className="mo-empty">{answer.why || trans.__('This file says nothing about itself.')}</p>;
    }
    const groups = grouped(answer.fields, search);
    return (
        <div className="mo-metadata">
            <p className="mo-quiet">{answer.format}</p>
            {answer.signals.map(signal => (
                <SignalLine key={signal.index} signal={signal} />
            ))}
            <Search value={search} onChange={setSearch} label={trans.__('Search metadata')} />
            {groups.map(([group, fields]) => (
                <details key={group} open>
                    <summary>{group}</summary>
                    <table>
                        <tbody>
                            {fields.map(({ name, value, unit, source }) => (
                                <tr key={`${name} ${source}`} title={source}>
                                    <th scope="row">{name}</th>
                                    <td>
                                        {value} {unit}
                                    </td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                </details>
            ))}
            {groups.length === 0 && (
                <p className="mo-empty">
                    {search ? trans.__('Nothing matches this search.') : trans.__('No metadata.')}
                </p>
            )}
        </div>
    );
}

function SignalLine({ signal }: { signal: Signal }): JSX.Element {
    const axes = signal.axes.map(({ name, scale, unit }) =>
        [name, unit && `${Number(scale.toPrecision(4))} ${unit}`].join(' ')
    );
    return (
        <p className="mo-quiet">
            {[signal.title, signal.shape.join(' × '), signal.dtype, axes.join(', ')]
                .filter(Boolean)
                .join(' · ')}
        </p>
    );
}

/** The fields that the search finds, by group, in the order of the file. */
export function grouped(fields: MetadataField[], search: string): [string, MetadataField[]][] {
    const wanted = search.trim().toLowerCase();
    const groups = new Map<string, MetadataField[]>();
    for (const field of fields) {
        const text = [field.group, field.name, field.value, field.source].join(' ').toLowerCase();
        if (text.includes(wanted)) {
            groups.set(field.group, [...(groups.get(field.group) ?? []), field]);
        }
    }
    return [...groups];
}

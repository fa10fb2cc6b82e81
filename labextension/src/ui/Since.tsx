import type { ChangesSince } from '../api/types';
import { useTrans } from './context';

/** What changed since the seal before: a sentence, and the first names of each kind. */
export function Since({ since }: { since: ChangesSince }): JSX.Element {
    const trans = useTrans();
    const kinds: [string, string[], number][] = [
        [trans.__('new'), since.first_new, since.new],
        [trans.__('changed'), since.first_changed, since.changed],
        [trans.__('missing'), since.first_missing, since.missing]
    ];
    const named = kinds.filter(([, names]) => names.length > 0);
    if (named.length === 0) {
        return <>{since.sentence}</>;
    }
    return (
        <details>
            <summary>{since.sentence}</summary>
            <ul>
                {named.map(([kind, names, count]) => (
                    <li key={kind}>
                        {trans.__('%1: %2', kind, names.join(', '))}
                        {count > names.length && ' …'}
                    </li>
                ))}
            </ul>
            <p className="mo-quiet">{trans.__('All of them are named in %1.', since.full_list)}</p>
        </details>
    );
}

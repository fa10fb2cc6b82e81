import type { Entry } from '../../api/types';
import { folderOf } from '../../services/part';
import { useAnswer, useModama, useTrans } from '../context';
import { Choice } from '../parts';

const MOST = 500;

/** Another file of the same folder, to be seen beside this one; the file itself too, for another frame of it. */
export function Siblings(props: {
    entry: Entry;
    other: Entry | undefined;
    onChange(other: Entry): void;
}): JSX.Element | null {
    const { entry, other, onChange } = props;
    const { api } = useModama();
    const trans = useTrans();
    const folder = folderOf(entry);
    const { answer } = useAnswer(
        signal => api.call('folder.list', { ...folder, limit: MOST }, signal),
        folder.path
    );
    const files = answer?.items.filter(each => each.kind === 'file' && each.tools.length > 0) ?? [];
    if (files.length === 0) {
        return null;
    }
    return (
        <Choice
            label={trans.__('Beside it')}
            value={other?.path ?? ''}
            onChange={path => {
                const found = files.find(file => file.path === path);
                if (found) {
                    onChange(found);
                }
            }}
            options={[
                ['', trans.__('choose a file')],
                ...files.map(({ path, name }) => [path, name] as [string, string])
            ]}
        />
    );
}

import { useState, type DragEvent, type ReactNode } from 'react';
import type { Located } from '../../api/client';
import { dropped, holdsFiles } from '../../services/chosen';
import { bring } from '../../services/files';
import { useModama, useTrans } from '../context';
import { Icon } from '../icons';

interface Props {
    folder: Located;
    writable: boolean;
    /** Why nothing can be put here. */
    reason: string;
    children: ReactNode;
}

/** Takes files that are dragged here from the desktop; where it cannot, it says why as soon as they are above it. */
export function DropZone({ folder, writable, reason, children }: Props): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    const [over, setOver] = useState(false);
    const onDrag = (event: DragEvent) => {
        if (holdsFiles(event.dataTransfer)) {
            event.preventDefault(); // or the browser would open what is dropped, and leave the page
            event.stopPropagation();
            event.dataTransfer.dropEffect = writable ? 'copy' : 'none';
            setOver(true);
        }
    };
    const onDragLeave = (event: DragEvent) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) {
            setOver(false);
        }
    };
    const onDrop = (event: DragEvent) => {
        if (!holdsFiles(event.dataTransfer)) {
            return;
        }
        event.preventDefault();
        event.stopPropagation();
        setOver(false);
        if (writable) {
            void dropped(event.dataTransfer).then(found => bring(modama, folder, found));
        } else {
            modama.host.notify({ kind: 'warning', text: reason });
        }
    };
    return (
        <div
            className="mo-drop-zone"
            onDragEnter={onDrag}
            onDragOver={onDrag}
            onDragLeave={onDragLeave}
            onDrop={onDrop}
        >
            {children}
            {over && (
                <div className={`mo-drop${writable ? '' : ' mo-drop-refused'}`} role="status">
                    <Icon name={writable ? 'upload' : 'lock'} />
                    <span>
                        {writable
                            ? trans.__('Drop to bring this into “%1”', folder.path.split('/').pop())
                            : reason}
                    </span>
                </div>
            )}
        </div>
    );
}

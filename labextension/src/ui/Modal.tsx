import { useEffect, useId, useRef, type FormEvent, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import { useModama, useTrans } from './context';
import { Button, IconButton } from './parts';

interface Props {
    title: string;
    children: ReactNode;
    /** The word on the button that does it; without one there is nothing to do but close. */
    action?: string;
    look?: 'main' | 'danger';
    disabled?: boolean;
    onAction?(): void;
}

const FIELDS = '.mo-dialog-body :is(input, textarea, select)';

/** A dialog of the browser's own kind: keeps the focus, closes with Esc, gives the focus back. */
export function Modal({ title, children, action, look = 'main', disabled, onAction }: Props): JSX.Element {
    const { ask } = useModama();
    const trans = useTrans();
    const dialog = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        const element = dialog.current;
        const before = document.activeElement;
        if (element && !element.open) {
            element.showModal();
            // The browser would begin at the button that closes it.
            element.querySelector<HTMLElement>(FIELDS)?.focus();
        }
        // A dialog that is taken away instead of being closed gives nothing back by itself.
        return () => {
            if (before instanceof HTMLElement && before.isConnected) {
                before.focus({ preventScroll: true });
            }
        };
    }, []);
    const close = () => ask.set(undefined);
    const submit = (event: FormEvent) => {
        event.preventDefault();
        if (!disabled) {
            onAction?.();
        }
    };
    // At the top of the page: the panel that asks may be hidden, and a dialog in something hidden is not seen.
    return createPortal(
        <dialog
            ref={dialog}
            className="mo-dialog"
            aria-labelledby={id}
            onClose={close}
            // What is typed here is not for the shortcuts of the program around it.
            data-lm-suppress-shortcuts="true"
        >
            <form onSubmit={submit}>
                <div className="mo-heading">
                    <h2 id={id}>{title}</h2>
                    <IconButton icon="close" label={trans.__('Close')} onClick={close} />
                </div>
                <div className="mo-dialog-body">{children}</div>
                <div className="mo-dialog-buttons">
                    <Button onClick={close}>{action ? trans.__('Cancel') : trans.__('Close')}</Button>
                    {action && (
                        <Button submit look={look} disabled={disabled}>
                            {action}
                        </Button>
                    )}
                </div>
            </form>
        </dialog>,
        document.body
    );
}

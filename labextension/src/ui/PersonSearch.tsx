import { useId, useState, type KeyboardEvent } from 'react';
import type { Person } from '../api/types';
import { isAddress } from '../services/invitations';
import { fullNameOf } from '../services/members';
import { useAnswer, useModama, useSettled, useTrans } from './context';
import { ProblemBox } from './parts';

const SHORTEST = 2;

/** Find somebody by typing and choose with the pointer or the keys. */
export function PersonSearch(props: {
    label: string;
    help: string;
    /** Those who cannot be chosen. */
    except: readonly number[];
    onChoose(person: Person): void;
    /** Offered where what is typed looks like an e-mail address. */
    onInvite?(email: string): void;
}): JSX.Element {
    const { api } = useModama();
    const trans = useTrans();
    const id = useId();
    const [text, setText] = useState('');
    const [at, setAt] = useState(0);
    const [isShut, setShut] = useState(false);
    const wanted = useSettled(text.trim());
    const asks = wanted.length >= SHORTEST;
    const { answer, problem } = useAnswer(
        signal => (asks ? api.call('person.find', { text: wanted }, signal) : Promise.resolve({ items: [] })),
        wanted
    );
    const found = (answer?.items ?? []).filter(({ uid }) => !props.except.includes(uid));
    const { onInvite } = props;
    const choices = found.map(person => ({
        key: String(person.uid),
        text: fullNameOf(person, trans),
        take: () => props.onChoose(person)
    }));
    if (onInvite && answer && isAddress(wanted)) {
        const words = trans.__('Invite by e-mail address: %1', wanted);
        choices.push({ key: 'invite', text: words, take: () => onInvite(wanted) });
    }
    const isOpen = !isShut && text.trim() === wanted && choices.length > 0;
    const choose = (take: () => void) => {
        setText('');
        setAt(0);
        take();
    };
    const key = (event: KeyboardEvent) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (event.key === 'Enter') {
            event.preventDefault(); // it would save the form
            if (isOpen && choices[at]) {
                choose(choices[at].take);
            }
        } else if (event.key === 'Escape' && isOpen) {
            event.preventDefault(); // it would close the dialog
            event.stopPropagation();
            setShut(true);
        } else if (step && choices.length > 0) {
            event.preventDefault();
            setShut(false);
            setAt((at + step + choices.length) % choices.length);
        }
    };
    const hasNobody = asks && text.trim() === wanted && answer !== undefined && choices.length === 0;
    return (
        <div className="mo-field mo-person-search">
            <label className="mo-label" htmlFor={`${id}-text`}>
                {props.label}
            </label>
            <input
                id={`${id}-text`}
                type="text"
                role="combobox"
                autoComplete="off"
                spellCheck={false}
                aria-autocomplete="list"
                aria-expanded={isOpen}
                aria-controls={`${id}-list`}
                aria-describedby={`${id}-help`}
                aria-activedescendant={isOpen ? `${id}-${at}` : undefined}
                value={text}
                onKeyDown={key}
                onChange={event => {
                    setText(event.target.value);
                    setAt(0);
                    setShut(false);
                }}
            />
            <ul id={`${id}-list`} role="listbox" aria-label={props.label} hidden={!isOpen}>
                {isOpen &&
                    choices.map(({ key: name, text: words, take }, index) => (
                        <li
                            key={name}
                            id={`${id}-${index}`}
                            role="option"
                            aria-selected={index === at}
                            onClick={() => choose(take)}
                        >
                            {words}
                        </li>
                    ))}
            </ul>
            <span id={`${id}-help`} className="mo-help" role="status">
                {hasNobody ? trans.__('Nobody else is found by “%1”.', wanted) : props.help}
            </span>
            {asks && problem && <ProblemBox problem={problem} />}
        </div>
    );
}

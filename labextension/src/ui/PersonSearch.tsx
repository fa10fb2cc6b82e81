import { useId, useState, type KeyboardEvent } from 'react';
import type { Person } from '../api/types';
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
    const isOpen = !isShut && text.trim() === wanted && found.length > 0;
    const choose = (person: Person) => {
        setText('');
        setAt(0);
        props.onChoose(person);
    };
    const key = (event: KeyboardEvent) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (event.key === 'Enter') {
            event.preventDefault(); // it would save the form
            if (isOpen && found[at]) {
                choose(found[at]);
            }
        } else if (event.key === 'Escape' && isOpen) {
            event.preventDefault(); // it would close the dialog
            event.stopPropagation();
            setShut(true);
        } else if (step && found.length > 0) {
            event.preventDefault();
            setShut(false);
            setAt((at + step + found.length) % found.length);
        }
    };
    const hasNobody = asks && text.trim() === wanted && answer !== undefined && found.length === 0;
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
                    found.map((person, index) => (
                        <li
                            key={person.uid}
                            id={`${id}-${index}`}
                            role="option"
                            aria-selected={index === at}
                            onClick={() => choose(person)}
                        >
                            {fullNameOf(person, trans)}
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

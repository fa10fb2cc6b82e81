import type { ReactNode } from 'react';
import type { ApiProblem } from '../api/problem';
import { copyDetails } from '../services/details';
import { takesChanges } from '../services/upstream';
import { useModama, useTrans, useValue } from './context';
import { Icon, type IconName } from './icons';

interface ButtonProps {
    children: ReactNode;
    onClick?(): void;
    icon?: IconName;
    look?: 'plain' | 'main' | 'danger';
    disabled?: boolean;
    /** Why it cannot be used, or what it does. */
    title?: string;
    submit?: boolean;
    /** The whole of what the words on it are short for. */
    label?: string;
    /** It changes something, which a managed tree takes only while its service is there. */
    changes?: boolean;
}

export function Button({
    children,
    icon,
    look = 'plain',
    submit,
    label,
    changes = false,
    ...rest
}: ButtonProps): JSX.Element {
    const off = useWhyOff(changes);
    const shown = off ? { ...rest, disabled: true, title: off } : rest;
    return (
        <button
            type={submit ? 'submit' : 'button'}
            className={`mo-button mo-button-${look}`}
            aria-label={label}
            title={label}
            {...shown}
        >
            {icon && <Icon name={icon} />}
            {children}
        </button>
    );
}

/** Why what changes something is off now; undefined where it is not. */
function useWhyOff(changes: boolean): string | undefined {
    const trans = useTrans();
    const { state } = useValue(useModama().upstream.state);
    if (!changes || takesChanges({ state })) {
        return undefined;
    }
    return trans.__(
        'Not possible now: the service of this site, which makes all changes, cannot be used. See above.'
    );
}

export function IconButton(props: {
    icon: IconName;
    label: string;
    onClick(): void;
    disabled?: boolean;
    pressed?: boolean;
}): JSX.Element {
    const { icon, label, onClick, disabled, pressed } = props;
    return (
        <button
            type="button"
            className="mo-icon-button"
            aria-label={label}
            aria-pressed={pressed}
            title={label}
            {...{ onClick, disabled }}
        >
            <Icon name={icon} />
        </button>
    );
}

/** Names and values; what has no value is left out. */
export function Facts({ rows }: { rows: [string, ReactNode][] }): JSX.Element {
    return (
        <dl className="mo-facts">
            {rows
                .filter(
                    ([, value]) => value !== '' && value !== null && value !== undefined && value !== false
                )
                .map(([name, value]) => (
                    <div key={name}>
                        <dt>{name}</dt>
                        <dd>{value}</dd>
                    </div>
                ))}
        </dl>
    );
}

/** What went wrong and what to do; `again` offers to try once more. */
export function ProblemBox({ problem, again }: { problem: ApiProblem; again?(): void }): JSX.Element {
    const modama = useModama();
    const trans = useTrans();
    return (
        <div className="mo-box mo-box-error" role="alert">
            <Icon name="warning" />
            <div>
                <p>
                    {problem.status === 0
                        ? trans.__('The server does not answer. It may be stopped, or the network is down.')
                        : problem.message}
                </p>
                {again && (
                    <Button icon="refresh" onClick={again}>
                        {trans.__('Retry')}
                    </Button>
                )}{' '}
                <Button icon="copy" onClick={() => void copyDetails(modama, problem)}>
                    {trans.__('Copy details')}
                </Button>
            </div>
        </div>
    );
}

export function Box({
    kind,
    children
}: {
    kind: 'info' | 'warning' | 'success';
    children: ReactNode;
}): JSX.Element {
    return (
        <div className={`mo-box mo-box-${kind}`} role="note">
            <Icon name={kind === 'success' ? 'check' : kind === 'info' ? 'question' : 'warning'} />
            <div>{children}</div>
        </div>
    );
}

export function Loading(): JSX.Element {
    return (
        <p className="mo-quiet" role="status">
            {useTrans().__('Loading…')}
        </p>
    );
}

/** A field to type into what is searched for. */
export function Search({
    value,
    onChange,
    label,
    hint = label
}: {
    value: string;
    onChange(value: string): void;
    label: string;
    /** What stands in the empty field where there is no room for the label. */
    hint?: string;
}): JSX.Element {
    return (
        <label className="mo-search" title={hint === label ? undefined : label}>
            <Icon name="search" />
            <input
                type="search"
                aria-label={label}
                placeholder={hint}
                value={value}
                onChange={event => onChange(event.target.value)}
            />
        </label>
    );
}

export function Choice<T extends string>(props: {
    label: string;
    value: T;
    options: [T, string][];
    onChange(value: T): void;
    /** Say what it is to those who hear it or point at it only: in a row of tools. */
    compact?: boolean;
}): JSX.Element {
    return (
        <label
            className={`mo-choice${props.compact ? ' mo-compact' : ''}`}
            title={props.compact ? props.label : undefined}
        >
            <span className="mo-label">{props.label}</span>
            <select value={props.value} onChange={event => props.onChange(event.target.value as T)}>
                {props.options.map(([value, text]) => (
                    <option key={value} value={value}>
                        {text}
                    </option>
                ))}
            </select>
        </label>
    );
}

/** One field of a form, with what the server says about it. */
export function Field(props: {
    label: string;
    value: string;
    onChange(value: string): void;
    help?: string;
    problem?: string;
    required?: boolean;
    focus?: boolean;
    area?: boolean;
    /** What stands in it is still to come: typing before that would be mixed with it. */
    waits?: boolean;
}): JSX.Element {
    const { label, value, help, problem } = props;
    const shared = {
        value,
        required: props.required,
        autoFocus: props.focus,
        readOnly: props.waits,
        'aria-invalid': problem ? true : undefined,
        spellCheck: false
    };
    return (
        <label className="mo-field">
            <span className="mo-label">{label}</span>
            {props.area ? (
                <textarea rows={3} {...shared} onChange={event => props.onChange(event.target.value)} />
            ) : (
                <input type="text" {...shared} onChange={event => props.onChange(event.target.value)} />
            )}
            {help && <span className="mo-help">{help}</span>}
            {problem && (
                <span className="mo-field-problem" role="alert">
                    {problem}
                </span>
            )}
        </label>
    );
}

import { useEffect, useState } from 'react';

/** A number to be typed; taken when it is one, and the field is left or Enter is pressed. */
export function NumberField(props: {
    label: string;
    value: number;
    onChange(value: number): void;
}): JSX.Element {
    const { label, value, onChange } = props;
    const shown = String(Number(value.toPrecision(6)));
    const [text, setText] = useState(shown);
    useEffect(() => setText(shown), [shown]);
    const take = () => {
        const number = Number(text);
        if (text.trim() !== '' && Number.isFinite(number) && text !== shown) {
            onChange(number);
        } else {
            setText(shown);
        }
    };
    return (
        <label className="mo-number">
            <span className="mo-label">{label}</span>
            <input
                type="text"
                inputMode="decimal"
                value={text}
                onChange={event => setText(event.target.value)}
                onBlur={take}
                onKeyDown={event => event.key === 'Enter' && take()}
            />
        </label>
    );
}

/** A number to be chosen by dragging, or with the arrow keys. */
export function Slider(props: {
    label: string;
    /** What the number means, beside the label. */
    hint?: string;
    value: number;
    min: number;
    max: number;
    step: number;
    onChange(value: number): void;
}): JSX.Element {
    const { label, hint, onChange, ...range } = props;
    return (
        <label className="mo-slider">
            <span className="mo-label">
                {label}
                {hint && <span className="mo-quiet"> {hint}</span>}
            </span>
            <input type="range" {...range} onChange={event => onChange(Number(event.target.value))} />
        </label>
    );
}

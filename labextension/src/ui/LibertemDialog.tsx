import { useState } from 'react';
import type { Located } from '../api/client';
import { asProblem } from '../api/problem';
import type { FormField } from '../api/types';
import { useAnswer, useModama, useTrans } from './context';
import { Modal } from './Modal';
import { Choice, Field, Loading, ProblemBox } from './parts';
import { useSubmit } from './useSubmit';

/** Asks how a file is to be read that does not say so itself. */
export function LibertemDialog({ entry }: { entry: Located }): JSX.Element {
    const { api, ask, host } = useModama();
    const trans = useTrans();
    const name = entry.path.split('/').pop() ?? entry.path;
    const asked = useAnswer(async () => {
        try {
            await api.openInLibertem(entry);
            return { detail: '', form: [] as FormField[] };
        } catch (error) {
            const problem = asProblem(error);
            if (problem.code !== 'parameters-needed') {
                throw problem;
            }
            return { detail: problem.message, form: problem.form };
        }
    }, entry.path);
    const [typed, setTyped] = useState<Record<string, string>>({});
    const form = asked.answer?.form ?? [];
    const text = (field: FormField) => typed[field.name] ?? shown(field.default);
    const submit = useSubmit(async () => {
        const parameters = Object.fromEntries(form.map(field => [field.name, parsed(field, text(field))]));
        const opened = await api.openInLibertem(entry, parameters);
        ask.set(undefined);
        host.open(opened.url, trans.__('LiberTEM: %1', name));
    });
    return (
        <Modal
            title={trans.__('Open “%1” in LiberTEM', name)}
            action={trans.__('Open')}
            disabled={form.length === 0 || submit.busy}
            onAction={submit.run}
        >
            {asked.loading && <Loading />}
            {asked.problem && <ProblemBox problem={asked.problem} again={asked.again} />}
            {asked.answer?.detail && <p>{asked.answer.detail}</p>}
            {form.map(field => {
                const set = (value: string) => setTyped({ ...typed, [field.name]: value });
                return field.type === 'choice' ? (
                    <Choice
                        key={field.name}
                        label={field.label}
                        value={text(field)}
                        onChange={set}
                        options={(field.choices ?? []).map(choice => [choice, choice])}
                    />
                ) : (
                    <Field
                        key={field.name}
                        label={field.label}
                        value={text(field)}
                        onChange={set}
                        help={field.help}
                    />
                );
            })}
            {form.length > 0 && (
                <p className="mo-quiet">{trans.__('It is remembered for the other files of this folder.')}</p>
            )}
            {submit.problem && <ProblemBox problem={submit.problem} />}
        </Modal>
    );
}

/** A default as it stands in its field: `[10, 20]` is shown as `10 × 20`. */
export function shown(value: unknown): string {
    return Array.isArray(value)
        ? value.join(' × ')
        : value === null || value === undefined
          ? ''
          : String(value);
}

/** What was typed, as the server wants it; what cannot be read is sent as it is, and the server says what is wrong. */
export function parsed(field: Pick<FormField, 'type'>, text: string): unknown {
    if (field.type === 'shape' && /^\s*\d+(\s*[×x*,]\s*\d+)*\s*$/i.test(text)) {
        return text.split(/[×x*,]/i).map(Number);
    }
    if (field.type === 'integer' && /^\s*[+-]?\d+\s*$/.test(text)) {
        return Number(text);
    }
    return text;
}

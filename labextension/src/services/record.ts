import type { Project, Session } from '../api/types';
import type { Translation } from '../ui/host';

/** What people can write down about a project or a session, in the order of a form. */
export const TEXTS = ['title', 'description'] as const;
export const FACTS = ['instrument', 'technique', 'sample', 'operator'] as const;
export const RULES = ['proposal', 'licence', 'embargo', 'retain_until', 'proprietary', 'related'] as const;
const ALL = [...TEXTS, ...FACTS, ...RULES];

export type FieldName = (typeof ALL)[number];
export type RecordTexts = Record<FieldName, string>;

/** What is written down now; an empty text where nothing is. */
export function textsOf(thing: Project | Session): RecordTexts {
    const known: Record<string, string | undefined> = { ...thing.fields };
    known.title = thing.title;
    known.description = thing.description;
    return Object.fromEntries(ALL.map(name => [name, known[name] ?? ''])) as RecordTexts;
}

/** Names and values of fields, as they are shown. */
export function writtenDown(
    thing: Project | Session,
    names: readonly FieldName[],
    trans: Translation
): [string, string][] {
    const texts = textsOf(thing);
    return names.map(name => [fieldWord(name, trans), texts[name]]);
}

/** The fields that somebody changed. */
export function changesOf(before: RecordTexts, after: RecordTexts): Partial<RecordTexts> {
    return Object.fromEntries(ALL.filter(name => after[name] !== before[name]).map(n => [n, after[n]]));
}

/** The fields that another person changed meanwhile, where one's own change would go over it. */
export function overtaken(before: RecordTexts, now: RecordTexts, mine: RecordTexts): FieldName[] {
    return ALL.filter(
        name => now[name] !== before[name] && mine[name] !== before[name] && mine[name] !== now[name]
    );
}

/** What one typed, and where one typed nothing what is written down now. */
export function brought(before: RecordTexts, now: RecordTexts, mine: RecordTexts): RecordTexts {
    const text = (name: FieldName) => (mine[name] === before[name] ? now[name] : mine[name]);
    return Object.fromEntries(ALL.map(name => [name, text(name)])) as RecordTexts;
}

/** The word for a field. */
export function fieldWord(name: FieldName, trans: Translation): string {
    switch (name) {
        case 'title':
            return trans.__('Title');
        case 'description':
            return trans.__('Description');
        case 'instrument':
            return trans.__('Instrument');
        case 'technique':
            return trans.__('Technique');
        case 'sample':
            return trans.__('Sample');
        case 'operator':
            return trans.__('Operator');
        case 'proposal':
            return trans.__('Proposal');
        case 'licence':
            return trans.__('Licence');
        case 'embargo':
            return trans.__('Embargo until');
        case 'retain_until':
            return trans.__('Keep until');
        case 'proprietary':
            return trans.__('Proprietary');
        case 'related':
            return trans.__('Related to');
    }
}

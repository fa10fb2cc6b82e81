import { at } from '../../api/client';
import type { Entry } from '../../api/types';
import { useAnswer, useModama } from '../context';

/** The energy of the electrons in kV as the file says it, where angles need it; undefined where it is not said. */
export function useEnergy(entry: Entry, unit: string): number | undefined {
    const { api } = useModama();
    const isAngle = /^[mµ]?rad$/.test(unit.trim());
    const { answer } = useAnswer(
        async signal => (isAngle ? api.call('entry.metadata', at(entry), signal) : undefined),
        entry.path,
        [entry.modified, isAngle]
    );
    const field = answer?.fields.find(({ name, unit }) => name === 'beam energy' && unit === 'kV');
    const value = Number(field?.value);
    return field && value > 0 ? value : undefined;
}

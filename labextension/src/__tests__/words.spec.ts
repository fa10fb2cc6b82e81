import { amount, bytes, day, moment, writing } from '../services/format';
import { phaseWord, unitWord } from '../services/phases';
import { speak, trans } from '../page/words';
import german from '../../../jupyter_modama/locale/de_DE/LC_MESSAGES/jupyter_modama.json';

const before = writing.get();

describe('a language', () => {
    beforeEach(() => speak('de-DE', german as unknown as Record<string, string[]>));
    afterEach(() => {
        speak('en', { '': [] });
        writing.set(before);
    });

    it('is spoken with its own forms for one thing and for several', () => {
        const files = (count: number) => trans._n('1 file', '%2 files', count, amount(count));
        expect([files(1), files(0), files(1200)]).toEqual(['1 Datei', '0 Dateien', '1.200 Dateien']);
        expect(trans.__('Sealing “%1”', 's')).toBe('Versiegelung von „s“');
    });

    it('leaves English what it has no words for', () => {
        expect(trans.__('nobody translated %1', 'this')).toBe('nobody translated this');
    });

    it('writes numbers, sizes and days in its own way, days where that is asked for', () => {
        expect(bytes(1_500_000)).toBe('1,43 MiB');
        expect(day('2024-11-12T12:00:00Z')).toBe('2024-11-12');
        writing.set({ ...writing.get(), sizes: 'SI', dates: 'language' });
        expect(bytes(1_500_000)).toBe('1,50 MB');
        expect(day('2024-11-12T12:00:00Z')).toBe('12.11.24');
        expect(moment('2024-11-12T12:00:00Z')).toMatch(/^12\.11\.2024, \d\d:\d\d$/);
    });

    it('has words for what the server calls the steps of a job, and shows a new one as it is', () => {
        expect(phaseWord('hashing', trans)).toBe('Prüfsummen werden gebildet');
        expect(unitWord('entries', trans)).toBe('Einträgen');
        expect(phaseWord('dancing', trans)).toBe('dancing');
    });
});

import type { ProjectSize, SiteOverview } from '../api/types';
import { csv } from '../page/csv';
import { allProjects, asCsv } from '../page/ProjectTable';

describe('a table as CSV', () => {
    it.each([
        ['=1+2', `"'=1+2"`],
        ['+SUM(A1)', `"'+SUM(A1)"`],
        ['-2+3', `"'-2+3"`],
        ['@x', `"'@x"`],
        ['\t=1', `"'\t=1"`],
        [' =1', `"' =1"`],
        ['\r=1', `"'\r=1"`]
    ])('makes %j harmless', (cell, expected) => {
        expect(csv([[cell]])).toBe(`${expected}\r\n`);
    });

    it('keeps numbers as they are, also below zero', () => {
        expect(csv([[-5, 0, null, undefined, NaN]])).toBe('-5,0,,,\r\n');
    });

    it('quotes what holds separators', () => {
        expect(csv([['a,b', 'say "x"', 'two\nlines', 'ä']])).toBe('"a,b","say ""x""","two\nlines",ä\r\n');
    });
});

const row = (project: string): ProjectSize => ({
    project,
    owners: [{ uid: 1, login: '@evil', display: '', kind: 'internal' }],
    owners_gone: 0,
    size_bytes: 1,
    files: 1,
    counted_at: '2026-11-21T00:00:00+00:00',
    grown_bytes: -7,
    grown_days: 1,
    sessions: 1,
    unsealed: 1,
    quiet: 0,
    requests: 0,
    path_b64: ''
});

describe('all projects', () => {
    it('are asked for page by page', async () => {
        const page = jest.fn((wanted: { cursor?: string }) =>
            Promise.resolve(
                (wanted.cursor
                    ? { items: [row('b')], cursor: '' }
                    : { items: [row('a')], cursor: '1' }) as unknown as SiteOverview
            )
        );
        expect((await allProjects(page)).map(({ project }) => project)).toEqual(['a', 'b']);
        expect(page.mock.calls.map(([wanted]) => wanted.cursor)).toEqual(['', '1']);
    });

    it('are rows whose names run nowhere', () => {
        const [, line] = asCsv([row('=cmd|x')]).split('\r\n');
        expect(line.startsWith(`"'=cmd|x","'@evil",0,1,1,`)).toBe(true);
        expect(line).toContain(',-7,1,');
    });
});

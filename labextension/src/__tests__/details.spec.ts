import { ApiProblem, problemOf } from '../api/problem';
import { detailsOf } from '../services/details';

const NOW = new Date('2024-11-12T13:14:15Z');

describe('the details of an error', () => {
    it('are what was asked for, where, and the number under which the log has it', () => {
        const problem = new ApiProblem(
            {
                type: 'urn:modama:already-sealed',
                status: 409,
                detail: 'session p/s is sealed already',
                instance: 'r-17',
                project: 'adhoc/p',
                session: 's'
            },
            'session.seal'
        );
        expect(detailsOf(problem, '0.1.0', NOW).split('\n')).toEqual([
            'MODAMA: 0.1.0',
            'time: 2024-11-12T13:14:15.000Z',
            'operation: session.seal',
            'error: already-sealed (409)',
            'id: r-17',
            'project: adhoc/p',
            'session: s',
            'says: session p/s is sealed already'
        ]);
    });

    it('hold no other fact of an error, whatever a server puts into it', async () => {
        const body = { type: 'urn:modama:x', status: 500, detail: 'd', token: 'secret', header: ['secret'] };
        const answer = { ok: false, status: 500, statusText: '', json: () => Promise.resolve(body) };
        const problem = await problemOf(answer as unknown as Response, 'folder.list');
        expect(detailsOf(problem, '0.1.0', NOW)).not.toContain('secret');
        expect(problem.operation).toBe('folder.list');
    });
});

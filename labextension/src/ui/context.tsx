import {
    createContext,
    useCallback,
    useContext,
    useEffect,
    useState,
    useSyncExternalStore,
    type DependencyList
} from 'react';
import { asProblem, type ApiProblem } from '../api/problem';
import type { Modama } from '../services/modama';
import type { Value } from '../services/value';
import type { Translation } from './host';

const Context = createContext<Modama | undefined>(undefined);

export const ModamaProvider = Context.Provider;

export function useModama(): Modama {
    const modama = useContext(Context);
    if (!modama) {
        throw new Error('this component needs a ModamaProvider around it');
    }
    return modama;
}

export function useTrans(): Translation {
    return useModama().host.trans;
}

/** The value, and a new drawing whenever it changes. */
export function useValue<T>(value: Value<T>): T {
    return useSyncExternalStore(value.subscribe, value.get);
}

export interface Asked<T> {
    answer?: T;
    problem?: ApiProblem;
    loading: boolean;
    again(): void;
}

/**
 * Ask the server, and again when one of `on` changes. The old answer stays until the new one is here, so nothing flickers;
 * when `subject` changes, the old answer is of something else and goes at once.
 */
export function useAnswer<T>(
    ask: (signal: AbortSignal) => Promise<T>,
    subject: string,
    on: DependencyList = []
): Asked<T> {
    const [turn, setTurn] = useState(0);
    const [state, setState] = useState<{
        subject: string;
        answer?: T;
        problem?: ApiProblem;
        loading: boolean;
    }>({
        subject,
        loading: true
    });
    useEffect(() => {
        const stop = new AbortController();
        setState(old => (old.subject === subject ? { ...old, loading: true } : { subject, loading: true }));
        ask(stop.signal).then(
            answer => stop.signal.aborted || setState({ subject, answer, loading: false }),
            error =>
                stop.signal.aborted ||
                setState(old => ({ ...old, problem: asProblem(error), loading: false }))
        );
        return () => stop.abort();
        // `ask` is made anew at each drawing; what it depends on is said by `subject` and `on`.
    }, [subject, turn, ...on]);
    const again = useCallback(() => setTurn(n => n + 1), []);
    return state.subject === subject ? { ...state, again } : { loading: true, again };
}

/** What was typed, once the typing pauses. */
export function useSettled<T>(value: T, pauseMs = 200): T {
    const [settled, setSettled] = useState(value);
    useEffect(() => {
        const timer = setTimeout(() => setSettled(value), pauseMs);
        return () => clearTimeout(timer);
    }, [value, pauseMs]);
    return settled;
}

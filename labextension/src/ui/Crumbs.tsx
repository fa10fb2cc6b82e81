import { pageOf, type Around, type Place } from '../services/place';
import { useModama, useTrans, useValue } from './context';
import { IconButton } from './parts';

/** The way from the list of projects to here; each step leads back. */
export function Crumbs(): JSX.Element | null {
    const { places, around } = useModama();
    const trans = useTrans();
    const place = useValue(places.current);
    const steps = stepsTo(place, trans.__('Projects'), useValue(around));
    if (steps.length < 2) {
        return null;
    }
    return (
        <nav className="mo-crumbs" aria-label={trans.__('You are here')}>
            <IconButton
                icon="back"
                label={trans.__('One level up')}
                onClick={() => places.go(steps[steps.length - 2][1])}
            />
            <ol title={steps.map(([name]) => name).join(' / ')}>
                {shortened(steps).map(([name, to], index, { length }) => (
                    <li key={`${index} ${name}`} className={name === MORE ? 'mo-crumb-more' : undefined}>
                        {index < length - 1 ? (
                            <button type="button" className="mo-crumb" onClick={() => places.go(to)}>
                                {name}
                            </button>
                        ) : (
                            <span className="mo-crumb-here" aria-current="page">
                                {name}
                            </span>
                        )}
                    </li>
                ))}
            </ol>
        </nav>
    );
}

const MOST_STEPS = 5;
const MORE = '…';

/** No more steps than one line has room for: of those in the middle the lowest stands for all. */
export function shortened(steps: [string, Place][]): [string, Place][] {
    if (steps.length <= MOST_STEPS) {
        return steps;
    }
    const last = steps.slice(-2);
    const hidden = steps[steps.length - 3];
    return [...steps.slice(0, 2), [MORE, hidden[1]], ...last];
}

/** Names and places from the list of projects down to `place`. The area (the first folder of a path) is no step of its own. */
export function stepsTo(place: Place, top: string, around: Around): [string, Place][] {
    const steps: [string, Place][] = [[top, { view: 'projects' }]];
    if (place.view === 'projects') {
        return steps;
    }
    const path = place.view === 'folder' ? place.path : place.project;
    const names = path.split('/');
    for (let depth = names.length > 1 ? 2 : 1; depth <= names.length; depth++) {
        const here = names.slice(0, depth).join('/');
        const page = pageOf(here, around);
        // Until the server has said where projects are, they are taken to be in the area.
        const guessed = depth === 2 && page.view === 'folder' && !around.project.startsWith(`${here}/`);
        steps.push([names[depth - 1], guessed ? { view: 'project', project: here } : page]);
    }
    if (place.view === 'session') {
        steps.push([place.session, place]);
    } else {
        steps[steps.length - 1][1] = place;
    }
    return steps;
}

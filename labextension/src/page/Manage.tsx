import { useEffect } from 'react';
import type { Modama } from '../services/modama';
import type { Place } from '../services/place';
import { App } from '../ui/App';
import type { PageSite } from './site';
import { encoded, located } from './urls';

const MAILS = '#mails';

/** Projects, members, sessions and seals: the panel as a page, with an address for each place in it. */
export function Manage({ site, modama }: { site: PageSite; modama: Modama }): JSX.Element {
    useEffect(() => {
        const base = new URL(`${site.base}manage`, window.location.href).href;
        const read = () => modama.places.current.set(placeOf(window.location.href, base));
        let following = false;
        read();
        const stop = modama.places.current.subscribe(() => {
            const next = addressOf(modama.places.current.get(), base);
            if (!following && next !== window.location.href) {
                window.history.pushState(null, '', next);
            }
        });
        const back = () => {
            following = true;
            read();
            following = false;
        };
        // The address that mails end with, and the pages' menu.
        const mails = () => {
            if (window.location.hash === MAILS) {
                window.history.replaceState(null, '', window.location.pathname);
                modama.ask.set({ kind: 'mails' });
            }
        };
        mails();
        window.addEventListener('popstate', back);
        window.addEventListener('hashchange', mails);
        return () => {
            stop();
            window.removeEventListener('hashchange', mails);
            window.removeEventListener('popstate', back);
        };
    }, [site, modama]);
    return (
        <div className="mp-panel">
            <App modama={modama} />
        </div>
    );
}

/** `manage`, `manage/project/<path>`, `manage/session/<path>`, `manage/folder/<path>`. */
export function addressOf(place: Place, manage: string): string {
    switch (place.view) {
        case 'projects':
            return manage;
        case 'project':
            return `${manage}/project/${encoded({ path: place.project, path_b64: place.path_b64 })}`;
        case 'session':
            return `${manage}/session/${encoded({
                path: `${place.project}/${place.session}`,
                path_b64: place.path_b64
            })}`;
        case 'folder':
            return `${manage}/folder/${encoded(place)}`;
    }
}

/** The place that an address leads to; the list of projects where it leads nowhere. */
export function placeOf(address: string, manage: string): Place {
    for (const view of ['project', 'session', 'folder'] as const) {
        const base = `${manage}/${view}`;
        if (!address.startsWith(`${base}/`)) {
            continue;
        }
        const { path, path_b64 } = located(address, base);
        if (path === '') {
            break;
        }
        if (view === 'project') {
            return { view, project: path, path_b64 };
        }
        if (view === 'folder') {
            return { view, path, path_b64 };
        }
        const cut = path.lastIndexOf('/');
        return cut > 0
            ? { view, project: path.slice(0, cut), session: path.slice(cut + 1), path_b64 }
            : { view: 'projects' };
    }
    return { view: 'projects' };
}

import { createRoot } from 'react-dom/client';
import { connect, type Fetch } from '../api/client';
import { Modama } from '../services/modama';
import { App } from '../ui/App';
import { VERSION } from '../version';
import { Administration } from './Administration';
import { Browse } from './Browse';
import { Frame } from './Frame';
import { Notes, pageHost } from './host';
import { Help, Landing } from './Landing';
import { speakAsBrowser } from './language';
import { Manage } from './Manage';
import { Open } from './Open';
import { Problem, Stranger } from './Outside';
import { Ready } from './Ready';
import { siteOf, type PageSite } from './site';
import { encoded } from './urls';
import '../../style/index.css';
import '../../src/page/theme.css';
import '../../src/page/pages.css';
import '../../src/page/administration.css';

/** A change carries what only a page of this origin can read: the page's own value, or that of its cookie. */
function xsrf(site: PageSite): string {
    return site.xsrf || decodeURIComponent(/(?:^|;\s*)_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? '');
}

const sender =
    (site: PageSite): Fetch =>
    (url, init) => {
        const headers = new Headers(init.headers);
        headers.set('X-XSRFToken', xsrf(site));
        return fetch(url, { ...init, headers, credentials: 'same-origin' });
    };

function Page({ site, modama }: { site: PageSite; modama: Modama }): JSX.Element {
    const help = site.help.find(({ name }) => name === site.path);
    switch (site.page) {
        case 'panel':
            return <App modama={modama} />;
        case 'open':
            return <Open site={site} modama={modama} />;
        case 'help':
            return <Frame site={site}>{help && <Help page={help} />}</Frame>;
        case 'manage':
            return (
                <Frame site={site}>
                    <Manage site={site} modama={modama} />
                </Frame>
            );
        case 'browse':
            return (
                <Frame site={site}>
                    <Ready modama={modama}>
                        <Browse site={site} />
                    </Ready>
                </Frame>
            );
        case 'administration':
            return (
                <Frame site={site}>
                    <Ready modama={modama}>
                        <Administration site={site} />
                    </Ready>
                </Frame>
            );
        case 'stranger':
            return (
                <Frame site={site}>
                    <Stranger site={site} />
                </Frame>
            );
        case 'problem':
            return (
                <Frame site={site}>
                    <Problem site={site} />
                </Frame>
            );
        default:
            return (
                <Frame site={site}>
                    <Landing site={site} />
                </Frame>
            );
    }
}

const root = document.getElementById('modama');
if (root) {
    const site = siteOf(document);
    const base = new URL(root.dataset.base ?? '/', window.location.href).href;
    const host = {
        ...pageHost,
        // A page that is there to open something becomes what it opened.
        ...(site.page === 'open' ? { open: (url: string) => window.location.replace(url) } : {}),
        ...(site.hub && site.page !== 'panel'
            ? {
                  elsewhere: {
                      libertem: (entry: { path: string; path_b64?: string }) =>
                          `${site.hub}/hub/user-redirect/modama/open/libertem?path=${encoded(entry)}`
                  }
              }
            : {})
    };
    const modama = new Modama(connect(base, sender(site), root.dataset.api), host, VERSION);
    void speakAsBrowser().then(() =>
        createRoot(root).render(
            <>
                <Page site={site} modama={modama} />
                <Notes />
            </>
        )
    );
}

import { createRoot } from 'react-dom/client';
import { connect } from '../api/client';
import { Modama } from '../services/modama';
import { App } from '../ui/App';
import { VERSION } from '../version';
import { Notes, pageHost } from './host';
import '../../style/index.css';
import '../../src/page/theme.css';

/** A change carries the value of the cookie, which only a page of this origin can read. */
function xsrf(): string {
    return /(?:^|;\s*)_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? '';
}

const root = document.getElementById('modama');
if (root) {
    const base = new URL(root.dataset.base ?? '/', window.location.href).href;
    const api = connect(base, (url, init) => {
        const headers = new Headers(init.headers);
        headers.set('X-XSRFToken', decodeURIComponent(xsrf()));
        return fetch(url, { ...init, headers, credentials: 'same-origin' });
    });
    createRoot(root).render(
        <>
            <App modama={new Modama(api, pageHost, VERSION)} />
            <Notes />
        </>
    );
}

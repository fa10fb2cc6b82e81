import { useEffect } from 'react';
import type { Modama } from '../services/modama';
import { openInLibertem } from '../services/actions';
import { ModamaProvider } from '../ui/context';
import { Dialogs } from '../ui/Dialogs';
import { trans } from './words';
import type { PageSite } from './site';

/** What a link to a data set leads to: opens it in this server's LiberTEM, and goes there. */
export function Open({ site, modama }: { site: PageSite; modama: Modama }): JSX.Element {
    const entry = { path: site.path, ...(site.path_b64 ? { path_b64: site.path_b64 } : {}) };
    const open = () => void openInLibertem(modama, entry);
    useEffect(open, []);
    return (
        <ModamaProvider value={modama}>
            <div className="mp-frame mo-root">
                <main className="mp-content mp-text">
                    <h1>{trans.__('Open in LiberTEM')}</h1>
                    <p>
                        <code>{site.path}</code>
                    </p>
                    <p className="mo-quiet">
                        {trans.__('The first time this takes some seconds, while LiberTEM starts.')}
                    </p>
                    <p>
                        <button type="button" className="mo-button" onClick={open}>
                            {trans.__('Try again')}
                        </button>{' '}
                        <a className="mo-button" href={`${site.base}lab`}>
                            {trans.__('To JupyterLab')}
                        </a>
                    </p>
                </main>
            </div>
            <Dialogs />
        </ModamaProvider>
    );
}

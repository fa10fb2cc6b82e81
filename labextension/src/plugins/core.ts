import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ServerConnection } from '@jupyterlab/services';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { connect } from '../api/client';
import { labHost } from '../lab/host';
import { openNotebook, openText } from '../lab/notebooks';
import { showSheet, showWide } from '../lab/wide';
import { writing } from '../services/format';
import { Modama } from '../services/modama';
import { IModama } from '../tokens';
import { VERSION } from '../version';

/** The services behind all other plugins. */
export const core: JupyterFrontEndPlugin<Modama> = {
    id: '@modama/labextension:core',
    description: 'The services behind the MODAMA panel.',
    autoStart: true,
    provides: IModama,
    optional: [ITranslator, IStateDB],
    activate: (app: JupyterFrontEnd, translator: ITranslator | null, state: IStateDB | null): Modama => {
        const trans = (translator ?? nullTranslator).load('jupyter_modama');
        const language = translator?.languageCode ?? 'en';
        // English is mostly nobody's choice but what Lab begins with: then numbers look as the browser writes them.
        const locale = language === 'en' ? undefined : language.replace('_', '-');
        writing.set({ ...writing.get(), locale });
        const settings = app.serviceManager.serverSettings;
        const api = connect(settings.baseUrl, (url, init) =>
            ServerConnection.makeRequest(url, init, settings)
        );
        const host = labHost(app, trans, state);
        const modama = new Modama(api, host, VERSION);
        host.openNotebook = wanted => openNotebook(app, modama, wanted);
        host.openText = (path, begin) => openText(app, modama, path, begin);
        host.showWide = entry => showWide(app, modama, entry);
        host.showSheet = folder => showSheet(app, modama, folder);
        // Menus need to know where the data lies, also while the panel is closed.
        void app.restored.then(() => modama.start());
        return modama;
    }
};

import { Token } from '@lumino/coreutils';
import type { Modama } from './services/modama';

/** What the plugins share: the services behind the panel. */
export const IModama = new Token<Modama>(
    '@modama/labextension:IModama',
    'The services behind the MODAMA panel: where one is, long operations, the server.'
);

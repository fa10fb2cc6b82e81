import { arriving } from './plugins/arriving';
import { cells } from './plugins/cells';
import { commands } from './plugins/commands';
import { core } from './plugins/core';
import { documents } from './plugins/documents';
import { fileCommands } from './plugins/filecommands';
import { pageCommands } from './plugins/pagecommands';
import { readOnly } from './plugins/readonly';
import { sidebar } from './plugins/sidebar';

/** Each can be disabled by itself; menus are in schema. */
export default [core, sidebar, commands, pageCommands, arriving, documents, cells, readOnly, fileCommands];

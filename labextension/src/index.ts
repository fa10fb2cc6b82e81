import { arriving } from './plugins/arriving';
import { cells } from './plugins/cells';
import { commands } from './plugins/commands';
import { core } from './plugins/core';
import { documents } from './plugins/documents';
import { fileCommands } from './plugins/filecommands';
import { readOnly } from './plugins/readonly';
import { sidebar } from './plugins/sidebar';

/** Each can be disabled by itself; menus are in schema/commands.json. */
export default [core, sidebar, commands, arriving, documents, cells, readOnly, fileCommands];

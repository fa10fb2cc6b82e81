import { arriving } from './plugins/arriving';
import { commands } from './plugins/commands';
import { core } from './plugins/core';
import { sidebar } from './plugins/sidebar';

/** Each can be disabled by itself; menus are in schema/commands.json. */
export default [core, sidebar, commands, arriving];

// The short name of the interface that this front end was built for: what the server makes of the same document.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'src/api/contract.ts';
const name = createHash('sha256').update(readFileSync('src/api/openapi.json')).digest('hex').slice(0, 12);
const text = `/** The interface that this front end was built for. Generated: \`make types\`. */\nexport const CONTRACT = '${name}';\n`;

if (!process.argv.includes('--check')) {
    writeFileSync(FILE, text);
} else if (readFileSync(FILE, 'utf8') !== text) {
    console.error(`${FILE} is not what openapi.json says: make types`);
    process.exit(1);
}

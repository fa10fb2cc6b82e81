// Prints every text that the interface translates, as JSON: {context, one, many?, where: [files]}. Fails on a text that
// is put together at run time, since no catalogue can know it.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const HERE = dirname(fileURLToPath(import.meta.url));
/** How many of the first arguments are texts, and whether a context comes before them. */
const CALLS = { __: [0, 1], _n: [0, 2], _p: [1, 1], _np: [1, 2] };
/** Where Lab looks for texts in a settings schema, and the context that it gives them. */
const SETTINGS =
    /^\/(definitions\/.*\/)?properties\/.*\/(title|description)$|^\/jupyter\.lab\.setting-icon-label$/;
const SCHEMA = /^\/(title|description)$/;

const found = new Map();
const wrong = [];

function add(where, context, one, many) {
    const key = `${context}\u0004${one}\u0004${many ?? ''}`;
    const known = found.get(key) ?? { context, one, ...(many === undefined ? {} : { many }), where: [] };
    known.where = [...new Set([...known.where, where])];
    found.set(key, known);
}

function* files(folder, ending) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory() && entry.name !== '__tests__') {
            yield* files(path, ending);
        } else if (entry.isFile() && ending.test(entry.name)) {
            yield path;
        }
    }
}

function source(path) {
    const where = relative(HERE, path);
    const parsed = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = node => {
        const call = ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression);
        const name = call && node.expression.name.text;
        if (call && Object.hasOwn(CALLS, name)) {
            const [before, texts] = CALLS[name];
            const given = node.arguments.slice(0, before + texts);
            if (given.every(one => ts.isStringLiteralLike(one))) {
                const [one, many] = given.slice(before).map(({ text }) => text);
                add(where, before ? given[0].text : '', one, many);
            } else {
                const { line } = parsed.getLineAndCharacterOfPosition(node.getStart());
                wrong.push(`${where}:${line + 1}: ${node.getText().slice(0, 80)}`);
            }
        }
        ts.forEachChild(node, visit);
    };
    visit(parsed);
}

function schema(where, value, path = '') {
    for (const [key, inner] of Object.entries(value)) {
        const at = `${path}/${key}`;
        if (typeof inner === 'string' && inner !== '') {
            const context = SETTINGS.test(at) ? 'settings' : SCHEMA.test(at) ? 'schema' : undefined;
            if (context) {
                add(where, context, inner);
            }
        } else if (inner !== null && typeof inner === 'object') {
            schema(where, inner, at);
        }
    }
}

for (const path of files(join(HERE, 'src'), /\.tsx?$/)) {
    source(path);
}
for (const path of files(join(HERE, 'schema'), /\.json$/)) {
    schema(relative(HERE, path), JSON.parse(readFileSync(path, 'utf8')));
}
if (wrong.length > 0) {
    console.error(
        `These texts are put together at run time, so they cannot be translated:\n${wrong.join('\n')}`
    );
    process.exit(1);
}
console.log(JSON.stringify([...found.values()], null, 1));

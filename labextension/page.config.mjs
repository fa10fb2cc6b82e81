// Builds the plain page: the components of src/ui without JupyterLab, React included, as one script and one style sheet.
import { rspack } from '@rspack/core';
import { fileURLToPath } from 'node:url';

const here = name => fileURLToPath(new URL(name, import.meta.url));

const compiler = rspack({
    mode: 'production',
    target: ['web', 'es2022'],
    entry: { page: here('./lib/page/index.js') },
    output: {
        path: here('../jupyter_modama/_page'),
        filename: '[name].js',
        cssFilename: '[name].css',
        // The catalogues of the page's languages, by what they say, so that a new one is not taken for an old one.
        assetModuleFilename: 'words.[contenthash:8][ext]',
        clean: true
    },
    module: { rules: [{ test: /\.css$/, type: 'css' }] },
    resolve: { extensions: ['.js'] },
    performance: { hints: false }
});

compiler.run((error, stats) => {
    console.log(error ?? stats.toString({ preset: 'errors-warnings', assets: true }));
    compiler.close(() => process.exit(error || stats.hasErrors() ? 1 : 0));
});

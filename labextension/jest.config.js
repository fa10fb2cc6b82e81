const jestJupyterLab = require('@jupyterlab/testutils/lib/jest-config');

// Packages that are published as ES modules only and so need a translation for jest.
const esModules = [
    '@codemirror',
    '@jupyter/',
    '@jupyterlab/',
    '@microsoft/',
    'exenv-es6',
    'lib0',
    'nanoid',
    'vscode-ws-jsonrpc',
    'y-protocols',
    'y-websocket',
    'yjs'
].join('|');

const base = jestJupyterLab(__dirname);

module.exports = {
    ...base,
    automock: false,
    collectCoverage: false,
    reporters: ['default'],
    setupFilesAfterEnv: [...(base.setupFilesAfterEnv ?? []), '<rootDir>/src/__tests__/layout.ts'],
    // A busy machine is slow, and not wrong.
    testTimeout: 60000,
    testRegex: 'src/.*/__tests__/.*\\.spec\\.tsx?$|src/__tests__/.*\\.spec\\.tsx?$',
    transform: {
        ...base.transform,
        '\\.(ts|tsx)?$': ['ts-jest', { tsconfig: 'tsconfig.test.json' }]
    },
    transformIgnorePatterns: [`/node_modules/(?!${esModules}).+`]
};

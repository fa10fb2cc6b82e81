import js from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import ts from 'typescript-eslint';

const noLab = {
    patterns: [
        {
            group: ['@jupyterlab/*', '@lumino/widgets'],
            message:
                'Lab stays outside: these parts serve a plain page too. Add what you need to Host (src/ui/host.ts).'
        }
    ]
};

const safer = 'Names of files come from strangers: let React make the elements.';
const noMarkup = [
    { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: safer },
    { selector: "Property[key.name='dangerouslySetInnerHTML']", message: safer },
    {
        selector:
            'AssignmentExpression > MemberExpression.left[property.name=/^(innerHTML|outerHTML|srcdoc)$/]',
        message: safer
    },
    {
        selector:
            'CallExpression > MemberExpression[property.name=/^(insertAdjacentHTML|createContextualFragment)$/]',
        message: safer
    }
];

export default ts.config(
    { ignores: ['node_modules/**', 'lib/**', 'coverage/**', 'src/api/schema.ts', '*.config.js'] },
    js.configs.recommended,
    ...ts.configs.recommended,
    { plugins: { jupyter } },
    ...jupyter.configs.recommended,
    {
        files: ['src/**/*.{ts,tsx}'],
        languageOptions: {
            parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname }
        },
        rules: {
            '@typescript-eslint/consistent-type-imports': 'error',
            '@typescript-eslint/no-floating-promises': 'error',
            '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
            '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
            curly: ['error', 'all'],
            // The panel is drawn at the start, and all of it is less than 100 kB: there is nothing to load later.
            'jupyter/prefer-lazy-imports': 'off',
            eqeqeq: ['error', 'smart'],
            'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
            'no-eval': 'error',
            'no-implied-eval': 'error',
            'no-restricted-syntax': ['error', ...noMarkup],
            'prefer-arrow-callback': 'error'
        }
    },
    {
        files: ['src/ui/**/*.{ts,tsx}', 'src/services/**/*.ts', 'src/api/**/*.ts', 'src/page/**/*.{ts,tsx}'],
        rules: { 'no-restricted-imports': ['error', noLab] }
    },
    {
        files: ['src/services/**/*.ts', 'src/api/**/*.ts'],
        rules: { 'no-restricted-globals': ['error', 'document', 'window', 'localStorage'] }
    },
    {
        files: ['src/**/__tests__/**'],
        rules: { 'jupyter/no-untranslated-string': 'off', 'max-lines': ['error', 500] }
    },
    {
        files: ['*.mjs'],
        languageOptions: { globals: { URL: 'readonly', console: 'readonly', process: 'readonly' } }
    },
    prettier
);

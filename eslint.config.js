// Lint: strict TypeScript, the dependency arrows of the architecture, and the Temporal sandbox rules for workflows.
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Arrows: a folder may import from itself and from the folders listed. Anything else is an error. */
const arrows = {
  core: [],
  stores: ['core'],
  activities: ['stores', 'core'],
  intake: ['stores', 'core'],
  gateway: ['stores', 'core'],
  workflows: ['core', 'activities'],
  workers: ['activities', 'intake', 'gateway', 'stores', 'core'],
  infra: ['workers', 'stores', 'core'],
  cli: ['workers', 'activities', 'intake', 'gateway', 'stores', 'core', 'workflows', 'infra', 'examples'],
};
const folders = [...Object.keys(arrows), 'examples', 'bench', 'tests', 'scripts'];

const zones = Object.entries(arrows).flatMap(([target, allowed]) =>
  folders
    .filter((from) => from !== target && !allowed.includes(from))
    .map((from) => ({ target: `./${target}`, from: `./${from}`, message: `${target}/ may import only from ${[target, ...allowed].join(', ')}` })),
);

const forbidden = (names, why) => names.map((name) => ({ name, message: why }));

export default tseslint.config(
  { ignores: ['node_modules/', '.ratchet/', 'tests/replay/broken/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [importX.createNodeResolver({ extensions: ['.ts', '.js', '.mjs', '.json'] })] },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      eqeqeq: 'error',
      'no-console': 'off',
    },
  },
  {
    files: ['core/**', 'stores/**', 'activities/**', 'intake/**', 'gateway/**', 'workflows/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'settings come from workers/config.ts' }],
    },
  },
  {
    files: ['core/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ group: ['node:fs*', 'node:net', 'node:http*', 'node:child_process', 'node:sqlite'], message: 'core/ does no I/O' }] }],
      'no-restricted-globals': ['error', ...forbidden(['fetch', 'setTimeout', 'setInterval'], 'core/ does no I/O and has no clock')],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'core/ has no randomness without a seed' }, { object: 'Date', property: 'now', message: 'core/ has no clock' }, { object: 'process', property: 'env', message: 'settings come from workers/config.ts' }],
    },
  },
  {
    files: ['workflows/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ group: ['node:*', '@temporalio/client', '@temporalio/worker', '@temporalio/activity'], message: 'workflow code runs in the Temporal sandbox' }, { group: ['../activities/*', '../stores/*'], allowTypeImports: true, message: 'workflows see activities as types only' }] }],
      'no-restricted-globals': ['error', ...forbidden(['fetch', 'process', 'setInterval', 'WeakRef', 'FinalizationRegistry'], 'workflow code is deterministic and runs in the Temporal sandbox')],
      '@typescript-eslint/no-floating-promises': 'error',
    },
  },
  { files: ['**/*.js', '**/*.mjs'], ...tseslint.configs.disableTypeChecked },
);

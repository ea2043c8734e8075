// SPDX-License-Identifier: MIT
//
// Only what biome cannot do: rules that need types, and the directions of imports between the rooms of lib/.
import tseslint from 'typescript-eslint';

/** Which rooms each room may import from; ARCHITECTURE.md draws the same picture. */
const rooms = {
  protocol: [],
  native: ['protocol'],
  bus: ['protocol', 'native'],
  channel: ['protocol', 'native', 'bus'],
  devices: ['protocol', 'native', 'bus', 'channel'],
  services: ['protocol', 'native', 'bus', 'channel', 'devices'],
  insight: ['protocol', 'native', 'bus', 'channel', 'devices', 'services'],
  host: ['protocol', 'native', 'channel'],
};

/** The same limits for `import … from`, for `import()` and for the type `import()`, which no one rule sees. */
function restrictImports(patterns) {
  // A selector holds its regex between slashes.
  const escaped = (regex) => regex.replaceAll('/', '\\/');
  return {
    'no-restricted-imports': ['error', { patterns }],
    'no-restricted-syntax': [
      'error',
      ...patterns.flatMap(({ regex, message }) =>
        ['ImportExpression', 'TSImportType'].map((node) => ({
          selector: `${node}[source.value=/${escaped(regex)}/]`,
          message,
        })),
      ),
    ],
  };
}

/** A room may import its own files, the files directly under lib/, and the rooms named for it. */
function boundary(room, allowed) {
  const others = [...Object.keys(rooms), 'cli'].filter((r) => r !== room && !allowed.includes(r));
  return {
    files: [`lib/${room}/**/*.ts`],
    rules: restrictImports([
      {
        regex: `^(\\.\\./)+(${others.join('|')})/`,
        message: `lib/${room} may import from: ${allowed.join(', ') || 'nothing but files directly under lib/'}.`,
      },
      { regex: '^(\\.\\./)+index\\.js$', message: 'Only the command imports the public surface.' },
    ]),
  };
}

export default tseslint.config(
  { ignores: ['dist/**', 'dist-test/**', 'build*/**', 'node_modules/**'] },
  {
    files: ['lib/**/*.ts', 'test/**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: ['./tsconfig.json', './tsconfig.test.json'], tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@typescript-eslint': tseslint.plugin },
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unnecessary-condition': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'].map(
            (name) => ({ from: 'package', package: 'node:test', name }),
          ),
        },
      ],
    },
  },
  ...Object.entries(rooms).map(([room, allowed]) => boundary(room, allowed)),
  {
    files: ['lib/cli/**/*.ts'],
    rules: restrictImports([
      {
        // What package.json exports: `vmbus`, `vmbus/bus` and `vmbus/host`.
        regex: `^(\\.\\./)+(?!(bus|host)/index\\.js$)(${Object.keys(rooms).join('|')})/`,
        message: 'The command is the first user of the public surface: import index.js, bus/index.js or host/index.js.',
      },
    ]),
  },
);

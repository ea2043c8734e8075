// SPDX-License-Identifier: MIT
//
// npm's `prepare` in a checkout: the addon, then the TypeScript. A published package carries both and does not run this.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

function run(...words) {
  const { status, signal, error } = spawnSync(process.execPath, words, { cwd: project, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? (signal === null ? 1 : 130));
}

function compiler() {
  try {
    return require.resolve('typescript/bin/tsc');
  } catch {
    console.error('TypeScript is missing: run npm install in the checkout (not npm install --omit=dev)');
    return process.exit(1);
  }
}

if (existsSync(join(project, 'lib'))) {
  run(join(project, 'scripts/build-native.mjs'));
  run(compiler(), '-p', join(project, 'tsconfig.json'));
}

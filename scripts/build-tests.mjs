// SPDX-License-Identifier: MIT
//
// Compiles the library and its tests, the type tests among them: a type test fails by not compiling.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';

const root = path.resolve(import.meta.dirname, '..');
const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
let failed = 0;
for (const project of ['tsconfig.json', 'tsconfig.test.json']) {
  const result = spawnSync(process.execPath, [tsc, '-p', project, '--pretty', 'false'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (result.status === 0) continue;
  failed += 1;
  process.stdout.write(`${project}:\n${result.stdout}${result.stderr}`);
}
console.log(`${2 - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;

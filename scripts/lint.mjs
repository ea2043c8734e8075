// SPDX-License-Identifier: MIT
//
// Format, style, types-aware rules, import directions (both languages) and file sizes. Fails on the first tool's word.
//   node scripts/lint.mjs
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { checkColumns, checkNativeIncludes, checkSizes } from './lint-tree.mjs';

const root = path.resolve(import.meta.dirname, '..');
const bin = (name) => path.join(root, 'node_modules', '.bin', name);

function tool(name, command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return {
    name,
    problems:
      result.status === 0 ? [] : [`${result.stdout ?? ''}${result.stderr ?? ''}`.trim() || String(result.error)],
  };
}

/** Only where clang-format 19 is installed: other versions break lines elsewhere. */
function clangFormat() {
  const name = 'clang-format';
  const sources = readdirSync(path.join(root, 'native'), { recursive: true })
    .filter((file) => /\.(cc|h)$/.test(file))
    .map((file) => path.join('native', file));
  if (spawnSync('clang-format-19', ['--version']).status !== 0)
    return { name, problems: [], skipped: 'clang-format-19 is not installed' };
  return tool(name, 'clang-format-19', ['--dry-run', '-Werror', ...sources]);
}

const checks = [
  () => tool('biome (format and style)', bin('biome'), ['check', '--colors=off', '.']),
  () => tool('eslint (typed rules, import directions)', bin('eslint'), ['--max-warnings=0', 'lib', 'test']),
  () => ({ name: 'include directions of native/', problems: checkNativeIncludes(root) }),
  () => ({ name: 'columns of native/', problems: checkColumns(root) }),
  () => clangFormat(),
  () => ({ name: 'file sizes', problems: checkSizes(root) }),
];

let failed = 0;
let skipped = 0;
for (const check of checks) {
  const { name, problems, skipped: reason } = check();
  if (reason) {
    skipped += 1;
    console.log(`skip ${name}: ${reason}`);
    continue;
  }
  if (problems.length === 0) {
    console.log(`ok   ${name}`);
    continue;
  }
  failed += 1;
  console.log(`FAIL ${name}\n${problems.join('\n')}`);
}
console.log(`${checks.length - failed - skipped} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed ? 1 : 0;

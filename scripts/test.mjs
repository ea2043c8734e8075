// SPDX-License-Identifier: MIT
//
// Runs the test tiers in the order of their cost and prints one summary.
//   node scripts/test.mjs [core] [unit] [channel] [process] [types] [vm] [--only PATTERN]
// No tier named = all of them. Exit status 0 only if nothing failed.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '..');
const order = ['lint', 'types', 'core', 'unit', 'channel', 'process', 'vm'];

/** Runs a program of ours; the last line it prints tells its counts. */
function program(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let tail = '';
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      tail = (tail + chunk).slice(-4000);
    });
    child.on('close', (code, signal) => {
      const counted = [...tail.matchAll(/(\d+) passed, (\d+) failed(?:, (\d+) skipped)?/g)].at(-1);
      const [passed, failed, skipped] = counted ? counted.slice(1).map((n) => Number(n ?? 0)) : [0, 0, 0];
      const broke = code !== 0 && failed === 0;
      resolve({ passed, failed: failed + (broke ? 1 : 0), skipped, note: broke ? `ended with ${signal ?? code}` : '' });
    });
  });
}

/** Runs the compiled tests of one folder, each file in a process of its own. */
async function nodeTests(tier, { only, concurrency }) {
  const folder = path.join(root, 'dist-test', tier);
  const files = readdirSync(folder, { recursive: true })
    .filter((f) => f.endsWith('.test.js') && (!only || f.includes(only)))
    .sort()
    .map((f) => path.join(folder, f));
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0, note: 'no test matches' };
  const count = { pass: 0, fail: 0, cancelled: 0, skipped: 0 };
  const stream = run({ files, concurrency, timeout: 180_000 });
  stream.on('test:diagnostic', ({ nesting, message }) => {
    const line = /^(pass|fail|cancelled|skipped) (\d+)$/.exec(message);
    if (nesting === 0 && line) count[line[1]] = Number(line[2]);
  });
  const printed = stream.compose(new spec());
  for await (const chunk of printed) process.stdout.write(chunk);
  return { passed: count.pass, failed: count.fail + count.cancelled, skipped: count.skipped, note: '' };
}

const tiers = {
  lint: () => program(['scripts/lint.mjs']),
  types: () => program(['scripts/build-tests.mjs']),
  core: () => program(['scripts/test-core.mjs']),
  unit: (options) => nodeTests('unit', { ...options, concurrency: 2 }),
  channel: (options) => nodeTests('channel', { ...options, concurrency: 1 }),
  process: (options) => nodeTests('process', { ...options, concurrency: 1 }),
  vm: () => program(['scripts/test-vm.mjs', '--quick']),
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } });
const unknown = positionals.filter((t) => !(t in tiers));
if (unknown.length) {
  console.error(`no such tier: ${unknown.join(', ')}; there are ${order.join(', ')}`);
  process.exit(2);
}

const wanted = positionals.length ? order.filter((t) => positionals.includes(t)) : order;
if (!wanted.includes('types') && wanted.some((t) => t !== 'core' && t !== 'lint')) wanted.unshift('types');
const rows = [];
for (const tier of wanted) {
  console.log(`\n── ${tier} ${'─'.repeat(70 - tier.length)}`);
  const start = performance.now();
  const result = await tiers[tier](values);
  rows.push({ tier, ...result, seconds: (performance.now() - start) / 1000 });
  if (tier === 'types' && result.failed) break; // nothing after it would test what is in the tree
}

const total = { passed: 0, failed: 0, skipped: 0 };
console.log(`\n── summary ${'─'.repeat(63)}`);
for (const { tier, passed, failed, skipped, note, seconds } of rows) {
  for (const [k, v] of Object.entries({ passed, failed, skipped })) total[k] += v;
  console.log(
    `${tier.padEnd(8)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ${String(skipped).padStart(4)} skipped ${seconds.toFixed(1).padStart(7)} s  ${note}`,
  );
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed ? 1 : 0;

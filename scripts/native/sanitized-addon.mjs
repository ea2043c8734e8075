// SPDX-License-Identifier: MIT
//
// The addon's own tests under the sanitizers: where scripts/test-sanitize.mjs gets them from.
// Each entry is `{ name, build: () => Promise<file>, run: (file) => Promise }`, as the other tests of that script.
// The addon is built by g++, as always, and g++'s runtimes are preloaded into the Node that runs the compiled tests.
// Called by: test-sanitize.mjs.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { BuildFailure } from './build.mjs';
import { withoutRandomAddresses } from './run.mjs';

// A test sends SIGBUS and expects to die of it, so the sanitizers must not answer it.
const kinds = [
  {
    kind: 'address',
    title: 'address and undefined',
    runtime: 'libasan.so',
    // Half of the process tests end by process.exit, which frees nothing.
    env: (suite) => ({
      ASAN_OPTIONS: `detect_leaks=${suite === 'channel' ? 1 : 0}:handle_sigbus=0`,
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    }),
    prefix: () => [],
  },
  {
    kind: 'thread',
    title: 'thread',
    runtime: 'libtsan.so',
    // Node itself is not instrumented: what its threads do to each other cannot be judged.
    env: () => ({ TSAN_OPTIONS: 'ignore_noninstrumented_modules=1:report_signal_unsafe=0:handle_sigbus=0' }),
    prefix: withoutRandomAddresses,
  },
];

const suites = ['channel', 'process'];

/** Compiles the addon into build-sanitize/<kind>/. */
function build(root, kind) {
  const words = [path.join(root, 'scripts/build-native.mjs'), `--sanitize=${kind}`];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      output += text;
    });
    child.on('close', (status) => {
      if (status === 0) resolve(path.join(root, 'build-sanitize', kind, 'vmbus.node'));
      else reject(new BuildFailure(output));
    });
  });
}

function testFiles(root, suite) {
  const folder = path.join(root, 'dist-test', suite);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^native-.*\.test\.js$/.test(name))
    .map((name) => path.join(folder, name));
}

/**
 * @param {{ root: string, report: import('./run.mjs').Report, compiler: object }} context
 * @returns {{ name: string, build: () => Promise<string>, run: (file: string) => Promise<unknown> }[]}
 */
export function sanitizedAddonTests({ root, report }) {
  return kinds.flatMap(({ kind, title, runtime, env, prefix }) =>
    suites.map((suite) => ({
      name: `addon in Node, ${suite}, ${title}`,
      build: () => build(root, kind),
      run: (file) => {
        const name = `addon in Node, ${suite}, ${title}`;
        const files = testFiles(root, suite);
        if (files.length === 0) return report.skip(name, 'dist-test is not built: node scripts/build-tests.mjs');
        const preload = execFileSync('g++', [`-print-file-name=${runtime}`], { encoding: 'utf8' }).trim();
        const [command, ...words] = [...prefix(), process.execPath, '--test', '--test-concurrency=1', ...files];
        return report.single(name, command, words, {
          accept: [0],
          env: { ...env(suite), VMBUS_NATIVE: file, LD_PRELOAD: preload },
          timeoutMs: 600_000,
          tell: (output) => `${/^(?:#|ℹ) pass (\d+)$/m.exec(output)?.[1] ?? '?'} tests`,
        });
      },
    })),
  );
}

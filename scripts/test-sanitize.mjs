// SPDX-License-Identifier: MIT
//
// The core tests under clang's address, undefined-behaviour and thread sanitizers, then the fuzz targets.
//   node scripts/test-sanitize.mjs [--seconds N] [--only PATTERN] [--no-fetch]
// --seconds is the time of each fuzz target (300). clang 19 is fetched into the cache when it is missing. Inputs that
// broke a target, and the corpus, stay in build-sanitize/.
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { BuildFailure, NativeBuild } from './native/build.mjs';
import { writeSeeds } from './native/fuzz-seeds.mjs';
import { Report } from './native/run.mjs';
import { sanitizedAddonTests } from './native/sanitized-addon.mjs';
import { clang } from './native/toolchains.mjs';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '300' }, only: { type: 'string' }, 'no-fetch': { type: 'boolean' } },
});
const seconds = Number(values.seconds);
if (!Number.isInteger(seconds) || seconds < 1)
  throw new RangeError(`--seconds ${values.seconds}: not a number of seconds`);

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, 'build-sanitize');
const build = new NativeBuild({ root, folder });
const report = new Report();

const core = ['packet', 'ring_reader', 'ring_writer'].map((name) => `native/core/${name}.cc`);
const addressFlags = [
  '-O1',
  '-g',
  '-fno-omit-frame-pointer',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
];
const threadFlags = ['-O1', '-g', '-fsanitize=thread'];
const underAddress = {
  golden_test: [],
  violation_test: [],
  flow_control_test: [],
  rows_test: [],
  cross_test: ['100'],
  exhaustive_test: [],
  hostile_test: [],
  stress_test: ['100000'],
};
const underThread = { stress_test: ['100000'] };
const targets = ['reader_fuzz', 'writer_fuzz', 'packet_fuzz', 'frame_fuzz'];
/** What a target needs beside the ring. */
const further = { frame_fuzz: ['native/core/rndis_packet.cc', 'native/core/transfer_reader.cc'] };

function testsUnder(title, suffix, flags, runs, compiler, env) {
  return Object.entries(runs).map(([test, args]) => {
    const name = `${test}, ${title}`;
    return {
      name,
      build: () =>
        build.executable({ name: `${test}-${suffix}`, sources: [`native/test/${test}.cc`, ...core], flags, compiler }),
      run: (file) => report.counted(name, file, args, { env, timeoutMs: 300_000 }),
    };
  });
}

function fuzzTests(compiler, env) {
  return targets.map((target) => ({
    name: target,
    concurrent: true,
    build: () =>
      build.executable({
        name: target,
        sources: [`native/fuzz/${target}.cc`, ...core, ...(further[target] ?? [])],
        flags: addressFlags.map((flag) => flag.replace('=address', '=fuzzer,address')),
        compiler,
      }),
    run: (file) => {
      const corpus = path.join(folder, 'corpus', target);
      const findings = path.join(folder, 'findings');
      mkdirSync(findings, { recursive: true });
      writeSeeds(target, corpus);
      const args = [
        `-max_total_time=${seconds}`,
        '-max_len=4096',
        '-use_value_profile=1',
        '-print_final_stats=1',
        `-artifact_prefix=${findings}/${target}-`,
        corpus,
      ];
      return report.single(target, file, args, { accept: [0], env, timeoutMs: (seconds + 120) * 1000, tell: runsOf });
    },
  }));
}

const runsOf = (output) => `${/number_of_executed_units: (\d+)/.exec(output)?.[1] ?? '?'} runs`;

async function make(test) {
  try {
    return { ...test, file: await test.build() };
  } catch (error) {
    return { ...test, error };
  }
}

async function runOne({ name, file, error, run }) {
  if (file) return run(file);
  if (error instanceof BuildFailure) return report.fail(name, error.message);
  return report.skip(name, error.message);
}

async function runAll(tests) {
  const wanted = tests.filter(({ name }) => !values.only || name.includes(values.only));
  const built = await Promise.all(wanted.map(make));
  for (const test of built.filter(({ concurrent }) => !concurrent)) await runOne(test);
  // Fuzz targets use one core each.
  const queue = built.filter(({ concurrent }) => concurrent);
  const lane = async () => {
    for (let test = queue.shift(); test; test = queue.shift()) await runOne(test);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
}

function allTests() {
  const compiler = clang({ fetch: !values['no-fetch'] && !process.env.VMBUS_OFFLINE });
  const symbolizer = compiler.symbolizer(folder);
  const env = {
    ASAN_SYMBOLIZER_PATH: symbolizer,
    TSAN_OPTIONS: `external_symbolizer_path=${symbolizer}`,
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
  return [
    ...testsUnder('address and undefined', 'asan', addressFlags, underAddress, compiler, env),
    ...testsUnder('thread', 'tsan', threadFlags, underThread, compiler, env),
    ...sanitizedAddonTests({ root, report, compiler }),
    ...fuzzTests(compiler, env),
  ];
}

try {
  await runAll(allTests());
} catch (error) {
  report.skip('everything under clang', error.message);
}
report.end();

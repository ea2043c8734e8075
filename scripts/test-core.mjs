// SPDX-License-Identifier: MIT
//
// The core tier: builds the executables of native/test with the machine's compiler and runs them.
//   node scripts/test-core.mjs [--only PATTERN] [--no-fetch]
// What it compares with (two foreign rings, an arm64 toolchain) comes from the system or from the cache, and is fetched
// into the cache when missing; --no-fetch and VMBUS_OFFLINE=1 forbid that. What is not to be had is skipped with a reason.
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { anchor } from './fetch-anchors.mjs';
import { BuildFailure, NativeBuild } from './native/build.mjs';
import { emulatedLitmusTests, litmusTests } from './native/litmus.mjs';
import { Report, withoutRandomAddresses } from './native/run.mjs';
import { arm64 } from './native/toolchains.mjs';

const { values } = parseArgs({ options: { only: { type: 'string' }, 'no-fetch': { type: 'boolean' } } });
const fetch = !values['no-fetch'] && !process.env.VMBUS_OFFLINE;
const root = path.resolve(import.meta.dirname, '..');
const build = new NativeBuild({ root, folder: path.join(root, 'build-core') });
const report = new Report();

const core = ['packet', 'ring_reader', 'ring_writer'].map((name) => `native/core/${name}.cc`);
const plain = [
  'golden_test',
  'violation_test',
  'flow_control_test',
  'rows_test',
  'cross_test',
  'exhaustive_test',
  'litmus_model',
  'stress_test',
  'hostile_test',
];
const threadSanitizer = ['-O1', '-g', '-fsanitize=thread', '-Wno-tsan'];

const executable = (name, options = {}) =>
  build.executable({ name, sources: [`native/test/${name}.cc`, ...core], ...options });

/** Each test: a name, what to build, and how to judge it. */
function plainTests() {
  return plain.map((name) => ({
    name,
    build: () => executable(name),
    run: (file) => report.counted(name, file),
  }));
}

// Frames of a network card: what reads them, and the pool of sections, which has no system calls in it either. Under the
// address sanitizer, because it is all about staying within bounds.
const frames = {
  frame_test: ['native/core/rndis_packet.cc', 'native/core/transfer_reader.cc'],
  section_pool_test: ['native/os/section_pool.cc'],
};

function frameTests() {
  return Object.entries(frames).map(([name, sources]) => ({
    name,
    build: () =>
      build.executable({
        name,
        sources: [`native/test/${name}.cc`, ...sources],
        flags: ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover'],
      }),
    run: (file) => report.counted(name, file),
  }));
}

function sanitizedTests() {
  const prefix = withoutRandomAddresses();
  const name = 'stress_test, thread sanitizer';
  return [
    {
      name,
      build: () =>
        build.executable({
          name: 'stress_test-tsan',
          sources: ['native/test/stress_test.cc', ...core],
          flags: threadSanitizer,
        }),
      run: (file) => report.counted(name, ...asCommand([...prefix, file, '30000'])),
    },
  ];
}

const asCommand = ([command, ...args]) => [command, args];

// The ring of the kernel tree and the one of DPDK, each behind its own little C face.
function anchorTests() {
  return ['kernel', 'dpdk'].map((which) => {
    const name = `anchor_${which}_test`;
    return {
      name,
      build: () => {
        const { sources, flags, libraries } = anchor(which, { fetch });
        return executable(name, {
          sources: [`native/test/${name}.cc`, ...sources, ...core],
          flags: ['-O2', ...flags],
          libraries,
        });
      },
      run: (file) => report.counted(name, file),
    };
  });
}

// The emulator runs on x86, which keeps all orders but store before load: of the fences this proves the full ones.
function arm64Tests() {
  const runs = { golden_test: [], flow_control_test: [], cross_test: ['20'], stress_test: ['20000'] };
  return Object.entries(runs).map(([test, args]) => {
    const name = `${test}, arm64`;
    let toolchain;
    return {
      name,
      build: () => {
        toolchain = arm64({ fetch });
        return build.executable({
          name: `${test}-arm64`,
          sources: [`native/test/${test}.cc`, ...core],
          compiler: toolchain,
        });
      },
      run: (file) => report.counted(name, ...asCommand([...toolchain.run, file, ...args])),
    };
  });
}

const tests = [
  ...plainTests(),
  ...frameTests(),
  ...sanitizedTests(),
  ...litmusTests({ build, core, report, threadSanitizer }),
  ...anchorTests(),
  ...arm64Tests(),
  ...emulatedLitmusTests({ build, core, report, toolchain: () => arm64({ fetch }) }),
].filter(({ name }) => !values.only || name.includes(values.only));

// Everything is built first, because the tests of two threads want both cores for themselves.
const built = await Promise.all(
  tests.map(async ({ build: make }) => {
    try {
      return { file: await make() };
    } catch (error) {
      return { error };
    }
  }),
);
for (const [i, { name, run }] of tests.entries()) {
  const { file, error } = built[i];
  if (file) await run(file);
  else if (error instanceof BuildFailure) report.fail(name, error.message);
  else report.skip(name, error.message);
}
report.end();

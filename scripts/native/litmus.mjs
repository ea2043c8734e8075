// SPDX-License-Identifier: MIT
//
// The litmus tests of single orderings: each runs green as the code is, and must turn red when the code is compiled
// without one ordering (VMBUS_OMIT_EDGE, see native/core/ring_control_unsafe.h). litmus_model does both by itself.
// Called by: test-core.mjs.
import { availableParallelism } from 'node:os';
import { withoutRandomAddresses } from './run.mjs';

// Orderings of packet bytes and indices: ThreadSanitizer reports a race on packet bytes without one of them.
const dataEdges = {
  1: 'data, write index',
  4: 'write index, data',
  5: 'data, read index',
  11: 'read index, overwrite',
};

// Full fences: without one of them both sides of a handshake soon see nothing, on two real cores.
const fences = {
  wake: { 2: 'write index, mask', 8: 'unmask, write index' },
  space: { 6: 'read index, pending', 9: 'pending, read index' },
};

const FINE = 0;
const BOTH_SAW_NOTHING = 3;
const SANITIZER_FOUND = 66;

export function litmusTests(context) {
  const tests = [dataTest(context, 0, 'complete')];
  for (const [edge, what] of Object.entries(dataEdges)) tests.push(dataTest(context, edge, what));
  for (const [handshake, edges] of Object.entries(fences)) {
    tests.push(fenceTest(context, handshake, 0, 'complete'));
    for (const [edge, what] of Object.entries(edges)) tests.push(fenceTest(context, handshake, edge, what));
  }
  return tests;
}

/** The same full fences, and the model, in arm64 code. `toolchain()` answers the cross compiler and the emulator. */
export function emulatedLitmusTests({ toolchain, ...context }) {
  const machine = { name: 'arm64', toolchain };
  const tests = [modelTest(context, machine)];
  for (const [handshake, edges] of Object.entries(fences)) {
    tests.push(fenceTest(context, handshake, 0, 'complete', machine));
    for (const [edge, what] of Object.entries(edges)) tests.push(fenceTest(context, handshake, edge, what, machine));
  }
  return tests;
}

function omitting(context, source, edge, { flags, machine }) {
  const seam = Number(edge) === 0 ? [] : [`-DVMBUS_OMIT_EDGE=${edge}`];
  return context.build.executable({
    name: machine ? `${source}-${edge}-${machine.name}` : `${source}-${edge}`,
    sources: [`native/test/${source}.cc`, ...context.core],
    flags: [...flags, ...seam],
    ...(machine && { compiler: machine.toolchain() }),
  });
}

/** The program, or the emulator with the program. */
function asRun(file, args, machine) {
  const [command, ...rest] = [...(machine?.toolchain().run ?? []), file, ...args];
  return [command, rest];
}

function modelTest(context, machine) {
  const name = `litmus_model, ${machine.name}`;
  return {
    name,
    build: () => omitting(context, 'litmus_model', 0, { flags: ['-O2'], machine }),
    run: (file) => context.report.counted(name, ...asRun(file, [], machine), { timeoutMs: 300_000 }),
  };
}

function title(source, edge, what) {
  return Number(edge) === 0 ? `${source}, ${what}` : `${source} is red without: ${what}`;
}

function dataTest(context, edge, what) {
  const name = title('litmus_data', edge, what);
  const env = { TSAN_OPTIONS: `halt_on_error=1 exitcode=${SANITIZER_FOUND}` };
  const verdict = Number(edge) === 0 ? { accept: [FINE] } : { accept: [SANITIZER_FOUND], word: 'data race' };
  return {
    name,
    build: () => omitting(context, 'litmus_data', edge, { flags: context.threadSanitizer }),
    run: (file) => {
      const [command, ...args] = [...withoutRandomAddresses(), file, '20000'];
      return context.report.single(name, command, args, { ...verdict, env });
    },
  };
}

function fenceTest(context, handshake, edge, what, machine) {
  const complete = Number(edge) === 0;
  const name = `${title(`litmus_store_load ${handshake}`, edge, what)}${machine ? `, ${machine.name}` : ''}`;
  return {
    name,
    build: () => omitting(context, 'litmus_store_load', edge, { flags: ['-O2'], machine }),
    // Red comes within thousands of rounds; the seconds are for machines with other work to do.
    run: async (file) => {
      if (availableParallelism() < 2) return context.report.skip(name, 'needs two processors');
      const bounds = complete ? ['300000', '2'] : ['100000000', '60'];
      const accept = complete ? [FINE] : [BOTH_SAW_NOTHING];
      return context.report.single(name, ...asRun(file, [handshake, ...bounds], machine), { accept });
    },
  };
}

// SPDX-License-Identifier: MIT
//
// Runs the vm tier: suites of test/vm/suites in real Linux guests on an emulated Hyper-V host, and those
// of test/vm/hosted beside guests on our own host (--hosted: these alone).
//   node scripts/test-vm.mjs [--kernel 6.1|6.12|7|all]... [--quick|--full] [--slow] [--hosted] [--only SUITE]... [--repeat N]
//                            [--no-snapshot] [--refresh] [--keep-logs] [--no-build] [-v] [--record FOLDER]
// --record writes down all that is said on the bus: a file for each kernel and hosted suite (these alone, in quick size).
//   node scripts/test-vm.mjs [--kernel K] [options] -- COMMAND...    runs any command in a guest, the project at /app
// Exit status: 0 nothing failed, 1 a test failed, 2 wrong usage, 125 the lab broke, 128+n a signal; with a COMMAND, its own.
// Where QEMU's packages can neither be fetched nor found, says so, counts all as skipped and exits with 0.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '..');
const LAB_FAILED = 125;

const { values, positionals } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        kernel: { type: 'string', multiple: true, default: ['all'] },
        quick: { type: 'boolean', default: false },
        full: { type: 'boolean', default: false },
        slow: { type: 'boolean', default: false },
        hosted: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        record: { type: 'string' },
        repeat: { type: 'string', default: '1' },
        'no-snapshot': { type: 'boolean', default: false },
        refresh: { type: 'boolean', default: false },
        'keep-logs': { type: 'boolean', default: false },
        'no-build': { type: 'boolean', default: false },
        verbose: { type: 'boolean', short: 'v', default: false },
      },
    });
  } catch (error) {
    return usage(error.message);
  }
})();

function usage(problem) {
  console.error(`${problem}; see the head of scripts/test-vm.mjs`);
  process.exit(2);
}

if (values.quick && values.full) usage('--quick and --full exclude each other');
if (values.record !== undefined) {
  // Every byte is in a recording: those of full size would fill the disk.
  if (values.full || values.repeat !== '1') usage('--record goes with neither --full nor --repeat');
  fs.mkdirSync(values.record, { recursive: true });
}
const repeat = Number(values.repeat);
if (!Number.isInteger(repeat) || repeat < 1) usage('--repeat wants a number from 1');

// What runs in the guest must be what is in the tree.
if (!values['no-build']) {
  const built = spawnSync(process.execPath, ['scripts/build-tests.mjs'], { cwd: root, encoding: 'utf8' });
  if (built.status !== 0) {
    process.stdout.write(`${built.stdout}${built.stderr}`);
    process.exit(1);
  }
}
const compiled = (name) => import(path.join(root, 'dist-test', 'vm', name));
const { KERNEL_NAMES } = await compiled('lab/kernel-names.js');
const { LabFailure, LabUnavailable } = await compiled('lab/lab.js');
const { countSuites, runCommand, runTier } = await compiled('suite-runner.js');

const kernels = values.kernel.includes('all') ? KERNEL_NAMES : values.kernel;
const unknown = kernels.find((name) => !KERNEL_NAMES.includes(name));
if (unknown !== undefined) usage(`no such kernel: ${unknown}; there are ${KERNEL_NAMES.join(', ')} and all`);

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    process.exitCode = 128 + os.constants.signals[signal];
    interrupted.abort(new Error(`got ${signal}`));
  });
}

const options = {
  kernels,
  size: values.full ? 'full' : 'quick',
  slow: values.slow,
  hosted: values.hosted || values.record !== undefined,
  ...(values.record === undefined ? {} : { recordIn: values.record }),
  only: values.only.flatMap((names) => names.split(',')),
  repeat,
  useSnapshots: !values['no-snapshot'],
  showConsoles: values['keep-logs'],
  verbose: values.verbose,
  refresh: values.refresh,
  signal: interrupted.signal,
};
let suiteCount = 0;
try {
  suiteCount = countSuites(options);
} catch (error) {
  usage(error.message);
}
if (!fs.existsSync(path.join(root, 'build', 'Release')))
  console.error('[lab] no addon in build/Release; npm run build makes it');

function failed(error) {
  if (interrupted.signal.aborted) {
    console.error(`[lab] ${interrupted.signal.reason.message}`);
    return process.exitCode;
  }
  if (error instanceof LabFailure) process.stderr.write(error.consoles);
  console.error(`[lab] ${error instanceof LabFailure ? error.message : error.stack}`);
  return LAB_FAILED;
}

async function main() {
  if (positionals.length > 0) return runCommand(kernels[0], positionals, options);
  const { passed, failed: notPassed, skipped, labBroke } = await runTier(options);
  console.log(`${passed} passed, ${notPassed} failed, ${skipped} skipped`);
  if (labBroke) return LAB_FAILED;
  return notPassed > 0 ? 1 : 0;
}

process.exitCode = await main().catch((error) => {
  if (!(error instanceof LabUnavailable)) return failed(error);
  console.log(`vm tier skipped: ${error.message}`);
  console.log(`0 passed, 0 failed, ${suiteCount} skipped`);
  return 0;
});

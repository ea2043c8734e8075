// SPDX-License-Identifier: MIT
// Runs a suite of hosted/: on this machine, beside the host that it plays for a guest of its own.
// Called by suite-runner.ts. Calls outcomes.ts; the suite itself boots the guest by lab/hosted.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Tally, tallyOf } from './outcomes.js';
import { type Boot, flavourOf, suiteSeconds } from './plan.js';

export interface HostedRun {
  readonly size: 'quick' | 'full';
  readonly signal: AbortSignal;
  /** File to write down in what guest and host say to each other. */
  readonly recordTo?: string;
}

/** Where a suite says that the emulation failed under it; see host-world.ts. */
export const FAULT_FILE = 'VMBUS_VM_FAULT_FILE';
/** Where a suite finds the name of its recording; see host-world.ts. */
export const RECORD_FILE = 'VMBUS_VM_RECORD_FILE';

/** For a suite whose time is over; see host-world.ts. */
const LAST_WORDS_SECONDS = 20;

const compiled = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** One run in a process of its own. @returns also why it is void, if the emulated processor failed */
async function runOnce(boot: Boot, { size, signal, recordTo }: HostedRun) {
  const [suite] = boot.suites;
  if (suite === undefined) throw new Error('a boot without a suite');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vmbus-hosted-'));
  const report = path.join(folder, 'report');
  const fault = path.join(folder, 'fault');
  try {
    const reporters = [
      ['spec', 'stdout'],
      [compiled('outcome-reporter.js'), report],
    ].flatMap(([reporter, to]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${to}`]);
    const child = spawn(process.execPath, [...reporters, compiled(`hosted/${suite.name}.test.js`)], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        VMBUS_VM_KERNEL: boot.kernel,
        VMBUS_VM_FLAVOUR: flavourOf(boot),
        VMBUS_VM_SIZE: size,
        [FAULT_FILE]: fault,
        ...(recordTo === undefined ? {} : { [RECORD_FILE]: recordTo }),
      },
      killSignal: 'SIGKILL', // QEMU goes with it
      signal,
    });
    // First it may say where it stands.
    const limit = setTimeout(() => child.kill('SIGTERM'), 1000 * suiteSeconds(suite, size));
    const end = setTimeout(() => child.kill('SIGKILL'), 1000 * (suiteSeconds(suite, size) + LAST_WORDS_SECONDS));
    const [code] = (await once(child, 'close').finally(() => {
      clearTimeout(limit);
      clearTimeout(end);
    })) as [number | null];
    const text = (file: string): string => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');
    return { tally: tallyOf(text(report), [suite.name], code ?? 1), fault: text(fault) };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** The suite's counts; it runs once more when the emulated processor, and not what ran on it, failed. */
export async function runHosted(boot: Boot, run: HostedRun): Promise<Tally> {
  const { tally, fault } = await runOnce(boot, run);
  if (fault === '' || tally.failed === 0) return tally;
  process.stderr.write(`[lab] ${fault.trim()}; booting again\n`);
  return (await runOnce(boot, run)).tally;
}

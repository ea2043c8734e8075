// SPDX-License-Identifier: MIT
// Runs a command inside a real Linux guest on Hyper-V: QEMU is the host, its hv-balloon the one device.
// Called by suite-runner.ts. Calls, in this order: provision, kernel, machine, job, retry, attempt.
import fs from 'node:fs';
import { attempt, type GuestResult, type GuestRun } from './attempt.js';
import { labFolder } from './cache.js';
import { jobArchive } from './job.js';
import { Kernel } from './kernel.js';
import type { KernelFlavour, KernelName } from './kernel-names.js';
import { hyperVByKvm, type Lab, machineFor } from './machine.js';
import { provisionKernel, provisionQemu } from './provision.js';
import { inTree } from './qemu-arguments.js';
import { withRetries } from './retry.js';
import { hasSnapshot, snapshotFile } from './snapshot.js';

export { type GuestResult, type GuestRun, LabFailure } from './attempt.js';
export type { KernelFlavour, KernelName } from './kernel-names.js';
export type { Lab } from './machine.js';
export { LabUnavailable } from './provision.js';

/** The kernel of the outer machine, and thus the one that is always fetched. */
const OUTER_KERNEL: KernelName = '6.12';
export interface LabOptions {
  /** Which of Debian's builds of the kernel; `cloud` if left out. */
  readonly flavour?: KernelFlavour;
  readonly refresh?: boolean;
  /** Takes what the lab does, a line at a time. */
  readonly note?: (text: string) => void;
}

/**
 * Fetches and unpacks everything that a kernel needs.
 * @throws LabUnavailable when packages can't be fetched and none are here
 */
export async function prepareLab(
  kernelName: KernelName,
  { flavour = 'cloud', refresh = false, note = () => undefined }: LabOptions = {},
): Promise<Lab> {
  const options = { cache: labFolder(), refresh, note };
  const qemuTree = await provisionQemu(options);
  const outerTree = await provisionKernel(OUTER_KERNEL, options);
  const isOuters = kernelName === OUTER_KERNEL && flavour === 'cloud';
  const tree = isOuters ? outerTree : await provisionKernel(kernelName, options, flavour);
  const tools = (name: string): string[] => inTree(qemuTree, `bin/${name}`);
  const kernel = new Kernel(tree, tools);
  const { accepted, reason } = hyperVByKvm(qemuTree);
  note(`${accepted ? 'direct' : 'nested'}: ${reason}`);
  return {
    kernelName,
    release: kernel.release,
    mode: accepted ? 'direct' : 'nested',
    cache: options.cache,
    qemuTree,
    kernel,
    outerKernel: new Kernel(outerTree, tools),
  };
}

/**
 * Boots the guest, or restores it, and runs one command in it.
 * @throws LabFailure when the guest gave no result
 */
export async function runInGuest(lab: Lab, run: GuestRun): Promise<GuestResult> {
  const started = Date.now();
  const note = (text: string): void => run.note?.(`${((Date.now() - started) / 1000).toFixed(1)} s: ${text}`);
  const { command, isSlow } = machineFor(lab, run);
  const archive = jobArchive(run);
  note(`starting, ${lab.mode}, job of ${archive.length} bytes`);
  const file = isSlow && run.useSnapshot !== false ? snapshotFile(lab.cache, command) : undefined;
  return withRetries({
    attempt: (use) => attempt(command, { ...run, note }, archive, use, lab.mode),
    snapshot:
      file === undefined
        ? undefined
        : { file, isThere: hasSnapshot(file), remove: () => fs.rmSync(file, { force: true }) },
    isAborted: () => run.signal?.aborted === true,
    // Said aloud, whoever asked for notes.
    onRetry: (why) => process.stderr.write(`[lab] ${why}; booting again\n`),
  });
}

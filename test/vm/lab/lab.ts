// SPDX-License-Identifier: MIT
// Runs a command inside a real Linux guest on Hyper-V: QEMU is the host, its hv-balloon the one device.
// Called by scripts/test-vm.mjs. Calls, in this order: provision, kernel, image-builder, job, session, snapshot.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import type { Writable } from 'node:stream';
import { labFolder } from './cache.js';
import { guestImage, guestImageFile, OUTER_PLACES, outerImageFile } from './image-builder.js';
import { type Job, jobArchive } from './job.js';
import { Kernel } from './kernel.js';
import type { KernelName } from './kernel-names.js';
import { provisionKernel, provisionQemu } from './provision.js';
import { guestArguments, HYPERV_CPU, inTree, outerArguments, qemuInTree } from './qemu-arguments.js';
import { backendOf, Session } from './session.js';
import { hasSnapshot, RESTORE_ARGUMENTS, restoreSnapshot, saveSnapshot, snapshotFile } from './snapshot.js';

export type { KernelName } from './kernel-names.js';
export { LabUnavailable } from './provision.js';

/** The kernel of the outer machine, and thus the one that is always fetched. */
const OUTER_KERNEL: KernelName = '6.12';
/** A restored guest takes its job within milliseconds; a machine at its limits gets much more. */
const RESTORE_TIMEOUT_MS = 60_000;

/** Exit status of a run whose guest never told a result, as with `docker run`. */
export const LAB_FAILED = 125;

/** The lab broke: no result of the command is known. */
export class LabFailure extends Error {
  /** The last lines of both machines' consoles, ready to print. */
  readonly consoles: string;

  constructor(message: string, consoles: string) {
    super(message);
    this.consoles = consoles;
  }
}

export interface LabOptions {
  readonly refresh?: boolean;
  /** Takes what the lab does, a line at a time. */
  readonly note?: (text: string) => void;
}

/** What every run on one kernel needs; made once by `prepareLab`. */
export interface Lab {
  readonly kernelName: KernelName;
  /** As `uname -r` prints it in the guest. */
  readonly release: string;
  readonly mode: 'direct' | 'nested';
  readonly cache: string;
  readonly qemuTree: string;
  readonly kernel: Kernel;
  readonly outerKernel: Kernel;
}

export interface GuestRun extends Job {
  readonly timeoutMs: number;
  /** Takes the command's standard output and error, as they come. */
  readonly output: Writable;
  /** False: boot, even if a snapshot is there, and leave none. */
  readonly useSnapshot?: boolean;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  /** More kernel parameters for the guest. */
  readonly append?: string;
  readonly note?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface GuestResult {
  /** Exit status of the command. */
  readonly status: number;
  /** What the command wrote to /dev/virtio-ports/lab.report. */
  readonly report: string;
  readonly consoles: string;
}

/**
 * Fetches and unpacks everything that a kernel needs.
 * @throws LabUnavailable when packages can't be fetched and none are here
 */
export async function prepareLab(kernelName: KernelName, { refresh = false, note = () => undefined }: LabOptions = {}): Promise<Lab> {
  const options = { cache: labFolder(), refresh, note };
  const qemuTree = await provisionQemu(options);
  const outerTree = await provisionKernel(OUTER_KERNEL, options);
  const tree = kernelName === OUTER_KERNEL ? outerTree : await provisionKernel(kernelName, options);
  const tools = (name: string): string[] => inTree(qemuTree, name);
  const kernel = new Kernel(tree, tools);
  const { accepted, reason } = hyperVByKvm(qemuTree);
  note(`${accepted ? 'direct' : 'nested'}: ${reason}`);
  return {
    kernelName, release: kernel.release, mode: accepted ? 'direct' : 'nested', cache: options.cache, qemuTree, kernel,
    outerKernel: new Kernel(outerTree, tools),
  };
}

// QEMU knows best whether this machine's KVM has what the CPU needs: it refuses to start otherwise.
function hyperVByKvm(qemuTree: string): { accepted: boolean; reason: string } {
  const [program = '', ...prefix] = qemuInTree(qemuTree);
  const { status, stderr, error } = spawnSync(program, [...prefix, '-M', 'pc', '-accel', 'kvm', '-cpu', HYPERV_CPU, '-S',
    '-display', 'none', '-nodefaults', '-device', 'vmbus-bridge', '-qmp', 'stdio'],
  { input: '{"execute":"qmp_capabilities"}{"execute":"quit"}', encoding: 'utf8', timeout: 20_000 });
  if (status === 0) return { accepted: true, reason: 'KVM with Hyper-V enlightenments' };
  return { accepted: false, reason: (stderr || String(error)).trim().split('\n')[0] ?? '' };
}

interface Machine {
  readonly command: readonly string[];
  readonly snapshot: string | undefined;
}

function machineFor(lab: Lab, { cpus = 2, memoryMiB = 768, append = '', useSnapshot = true }: GuestRun): Machine {
  const { cache, qemuTree, kernel, outerKernel } = lab;
  const image = guestImage(qemuTree, kernel, fs.realpathSync(process.execPath));
  const size = { cpus, memoryMiB, append };
  if (lab.mode === 'direct') {
    const command = [...qemuInTree(qemuTree), ...guestArguments({
      ...size, kernel: kernel.elf(), image: guestImageFile(cache, image), console: backendOf('con'), monitor: backendOf('guestMonitor'),
      ports: { out: backendOf('out'), ctl: backendOf('ctl'), report: backendOf('report'), qmp: backendOf('qmp') },
    })];
    return { command, snapshot: undefined };
  }
  const port = (name: string): string => `pipe,path=/dev/virtio-ports/lab.${name}`; // opened for both directions
  const inner = guestArguments({
    ...size, ...OUTER_PLACES, console: port('con'), monitor: 'pipe,path=/run/monitor',
    ports: { out: port('out'), ctl: port('ctl'), report: port('report'), qmp: 'pipe,path=/run/guest' },
  });
  const command = [...qemuInTree(qemuTree), ...outerArguments({
    kernel: outerKernel.elf(), cpus, memoryMiB: memoryMiB + 1280, console: backendOf('console'), monitor: backendOf('monitor'),
    image: outerImageFile({ cache, qemuTree, kernel: outerKernel, guestKernel: kernel.elf(), guest: image, guestArguments: inner }),
    ports: { out: backendOf('out'), ctl: backendOf('ctl'), report: backendOf('report'), con: backendOf('con') },
  })];
  return { command, snapshot: useSnapshot ? snapshotFile(cache, command) : undefined };
}

/**
 * Boots the guest, or restores it, and runs one command in it.
 * @throws LabFailure when the guest gave no result
 */
export async function runInGuest(lab: Lab, run: GuestRun): Promise<GuestResult> {
  const started = Date.now();
  const note = (text: string): void => run.note?.(`${((Date.now() - started) / 1000).toFixed(1)} s: ${text}`);
  const machine = machineFor(lab, run);
  const archive = jobArchive(run);
  note(`starting, ${lab.mode}, job of ${archive.length} bytes`);
  if (machine.snapshot !== undefined && hasSnapshot(machine.snapshot)) {
    const result = await attempt(machine, { ...run, note }, archive, true);
    if (!('began' in result)) return result;
    if (result.began || run.signal?.aborted) throw result.failure;
    note(`${result.failure.message}; booting instead`);
    fs.rmSync(machine.snapshot, { force: true });
  }
  const result = await attempt(machine, { ...run, note }, archive, false);
  if ('began' in result) throw result.failure;
  return result;
}

interface Failed {
  /** The command may have been started. */
  readonly began: boolean;
  readonly failure: LabFailure;
}

async function attempt(machine: Machine, run: GuestRun, archive: Uint8Array, restore: boolean): Promise<GuestResult | Failed> {
  run.signal?.throwIfAborted();
  const session = new Session({
    command: restore ? [...machine.command, ...RESTORE_ARGUMENTS] : machine.command,
    output: run.output,
    onProgress: (line) => run.note?.(line),
  });
  const timeout = setTimeout(() => session.kill(`no result within ${run.timeoutMs / 1000} s`), run.timeoutMs);
  const abort = (): void => session.kill('interrupted');
  run.signal?.addEventListener('abort', abort);
  try {
    await drive(session, machine, archive, { restore, note: run.note ?? (() => undefined) });
  } catch (error) {
    session.kill(error instanceof Error ? error.message : String(error));
  } finally {
    await session.ended;
    clearTimeout(timeout);
    run.signal?.removeEventListener('abort', abort);
  }
  const status = /^exit (\d+)/m.exec(session.progress)?.[1];
  const consoles = consolesOf(session);
  if (status !== undefined) return { status: Number(status), report: session.report, consoles };
  const failure = new LabFailure(`${session.ending}; progress: ${session.progress.trim().replaceAll('\n', ', ') || 'none'}`, consoles);
  return { began: session.progress.includes('job received'), failure };
}

async function drive(session: Session, { snapshot }: Machine, archive: Uint8Array,
  { restore, note }: { readonly restore: boolean; readonly note: (text: string) => void }): Promise<void> {
  if (restore && snapshot !== undefined) {
    const timer = setTimeout(() => session.kill('the restored guest does not answer'), RESTORE_TIMEOUT_MS);
    try {
      await restoreSnapshot(session, snapshot);
      note('snapshot restored');
      session.sendJob(archive);
      await session.progressLine(/^job received/m);
    } finally {
      clearTimeout(timer);
    }
  } else {
    const ready = await session.progressLine(/^guest ready/m);
    if (ready && snapshot !== undefined) note(await saveSnapshot(session, snapshot));
    session.sendJob(archive);
  }
  await session.ended;
}

function consolesOf({ consoles }: Session): string {
  const show = (name: string, lines: string): string => (lines === '' ? '' : `---- console of the ${name}\n${lines}\n`);
  return show('outer machine', consoles.outer.lastLines(60)) + show('guest', consoles.guest.lastLines(120));
}

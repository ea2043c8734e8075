// SPDX-License-Identifier: MIT
// Boots a real Linux guest whose whole VMBus a process of ours plays, over a stream to an object preloaded into QEMU.
// Called by suites that run on this machine. Calls lab.ts, provision.ts, hosted-command.ts, hosted-process.ts, snapshot.ts.
import fs from 'node:fs';
import { LabFailure } from '../attempt.js';
import { type Extras, nodeProgram } from '../guest-contents.js';
import type { KernelFlavour, KernelName } from '../kernel-names.js';
import { type Lab, prepareLab } from '../lab.js';
import { provisionPackages } from '../provision.js';
import { hasSnapshot, RESTORE_ARGUMENTS, restoreSnapshot, saveSnapshot, snapshotFile } from '../snapshot.js';
import { packageContents } from './guest-packages.js';
import { type HostedCommand, hostedCommand } from './hosted-command.js';
import { HostedMachine } from './hosted-machine.js';
import { HostedProcess } from './hosted-process.js';

export type { GuestProcess } from './agent.js';
export type { CommandOptions, CommandResult, GuestMemory, HostedMachine } from './hosted-machine.js';

export interface HostedOptions {
  readonly kernel: KernelName;
  /** Which of Debian's builds of it; `cloud` if left out. `generic` is fetched only where it is asked for. */
  readonly flavour?: KernelFlavour;
  /** 2 if left out. */
  readonly cpus?: number;
  /** 512 if left out; a power of two wastes nothing. At most 2048. */
  readonly memoryMiB?: number;
  /** The end of that memory, as the memory-mapped window that drivers of the bus allocate from. 0 if left out: there is none. */
  readonly windowMiB?: number;
  /** More kernel parameters. */
  readonly append?: string;
  /** Debian packages whose programs the guest has in its PATH. busybox is always there. */
  readonly packages?: readonly string[];
  /** Modules loaded at each start, after hv_vmbus. Others wait for modprobe. */
  readonly modules?: readonly string[];
  /** The guest has Node, for `machine.put(projectFiles())`. */
  readonly node?: boolean;
  /** False: the guest may restart. Else that ends QEMU, as switching off does. */
  readonly noReboot?: boolean;
  /** False: the guest cannot hibernate; hv_balloon refuses to work in one that can. */
  readonly hibernates?: boolean;
  /** True: the firmware says what Hyper-V's says, for programs that look there. */
  readonly hypervFirmware?: boolean;
  /** False: `machine.ram` is null. */
  readonly shareMemory?: boolean;
  /** False: boot, even if a snapshot is there, and leave none. */
  readonly useSnapshot?: boolean;
  /** Look for newer packages. */
  readonly refresh?: boolean;
  readonly note?: (text: string) => void;
  readonly signal?: AbortSignal;
}

const MEBIBYTE = 2 ** 20;

/** busybox's own shell prefers its applets to programs in the PATH, even to those of packages. */
const SHELL = 'dash';

/** A restored guest answers within milliseconds; a machine at its limits gets much more. */
const RESTORE_TIMEOUT_MS = 120_000;
const BOOT_TIMEOUT_MS = 600_000;

const labs = new Map<string, Promise<Lab>>();

/** Looking for KVM and packages once per process is enough. */
function labFor(options: HostedOptions): Promise<Lab> {
  const { kernel, flavour = 'cloud', refresh = false, note = () => undefined } = options;
  const name = `${kernel} ${flavour}`;
  const known = labs.get(name);
  if (known && !refresh) return known;
  const lab = prepareLab(kernel, { flavour, refresh, note });
  labs.set(name, lab);
  lab.catch(() => labs.delete(name));
  return lab;
}

async function extrasFor(lab: Lab, options: HostedOptions): Promise<Extras> {
  const { packages = [], node = false, refresh = false, note = () => undefined } = options;
  const own = node ? [nodeProgram()] : [];
  const tree = await provisionPackages([SHELL, ...packages], lab.kernelName, { cache: lab.cache, refresh, note });
  const { programs, files } = packageContents(tree);
  // The first to need a library brings it: those of the packages are newer than this machine's, or as new.
  return { programs: [...programs, ...own], files };
}

/**
 * Boots the guest, or restores it, up to the point where it has a host to talk to: `machine.link` is open, HELLO is on it.
 * @throws LabUnavailable where there can be no lab
 * @throws LabFailure when QEMU ends before
 */
export async function bootHosted(options: HostedOptions): Promise<HostedMachine> {
  const lab = await labFor(options);
  const extras = await extrasFor(lab, options);
  const { cpus = 2, memoryMiB = 512, windowMiB = 0, append = '' } = options;
  const { noReboot = true, shareMemory = true, hibernates = true, hypervFirmware = false } = options;
  const size = {
    cpus,
    memoryMiB,
    windowMiB,
    append,
    restarts: !noReboot,
    sharesMemory: shareMemory,
    hibernates,
    hypervFirmware,
  };
  const command = hostedCommand(lab, extras, size);
  const canSave = lab.mode === 'nested' && options.useSnapshot !== false;
  const snapshot = canSave ? snapshotFile(lab.cache, command.command) : undefined;
  const isSaved = snapshot !== undefined && hasSnapshot(snapshot);
  try {
    return await start(lab, command, options, { snapshot, restore: isSaved });
  } catch (error) {
    const fault = error instanceof LabFailure ? error.emulationFault : undefined;
    if ((!isSaved && fault === undefined) || options.signal?.aborted) throw error;
    process.stderr.write(`[lab] ${fault ?? (error instanceof Error ? error.message : String(error))}; booting again\n`);
    if (snapshot !== undefined) fs.rmSync(snapshot, { force: true });
    return start(lab, command, options, { snapshot, restore: false });
  }
}

interface Start {
  readonly snapshot: string | undefined;
  readonly restore: boolean;
}

async function start(
  lab: Lab,
  { command, env, memoryFileMiB }: HostedCommand,
  options: HostedOptions,
  { snapshot, restore }: Start,
): Promise<HostedMachine> {
  options.signal?.throwIfAborted();
  const started = Date.now();
  const note = (text: string): void => options.note?.(`${((Date.now() - started) / 1000).toFixed(1)} s: ${text}`);
  const memoryBytes = options.shareMemory === false ? 0 : memoryFileMiB * MEBIBYTE;
  const process = await HostedProcess.start({
    command: restore ? [...command, ...RESTORE_ARGUMENTS] : command,
    env,
    mode: lab.mode,
    memoryBytes,
  });
  const path = process.memoryPath;
  const machine = new HostedMachine(process, {
    release: lab.release,
    mode: lab.mode,
    ram: path === undefined ? null : { path, bytes: (options.memoryMiB ?? 512) * MEBIBYTE },
    modules: ['hv_vmbus', ...(options.modules ?? [])],
  });
  const abort = (): void => process.kill('interrupted');
  options.signal?.addEventListener('abort', abort);
  const limit = restore ? RESTORE_TIMEOUT_MS : BOOT_TIMEOUT_MS;
  const timeout = setTimeout(() => process.kill(`not there within ${limit / 1000} s`), limit);
  try {
    if (restore && snapshot !== undefined) {
      await restoreSnapshot(process, snapshot);
      note('snapshot restored');
    } else if (snapshot !== undefined) {
      // A kernel with hv_vmbus built in comes no further than its first message to the host.
      await Promise.race([process.shimSays.appears(/the guest waits for its host/, process.ended), machine.agentIsUp]);
      note('up to its host');
      if (process.isRunning) note(await saveSnapshot(process, snapshot));
    }
    await machine.connect({ agentIsUp: restore && !lab.kernel.isBuiltin('hv_vmbus') });
    if (!(await process.shimSays.appears(/the host is there/, process.ended))) throw new Error(process.ending);
    note(`connected to ${lab.release}`);
    return machine;
  } catch (error) {
    const fault = machine.emulationFault;
    process.kill(error instanceof Error ? error.message : String(error));
    await process.ended;
    throw new LabFailure(process.ending, machine.consoles, fault);
  } finally {
    clearTimeout(timeout);
    options.signal?.removeEventListener('abort', abort);
  }
}

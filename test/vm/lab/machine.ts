// SPDX-License-Identifier: MIT
// Chooses and describes the machine of a run: the guest on this machine's KVM, or inside an emulated outer machine.
// Called by lab.ts. Calls qemu-arguments.ts and image-builder.ts.
import { spawnSync } from 'node:child_process';
import { compiled, labSource, PRELOADED } from './compile.js';
import { suiteGuest } from './guest-contents.js';
import { type GuestImage, guestImage, guestImageFile, OUTER_PLACES, outerImageFile } from './image-builder.js';
import type { Kernel } from './kernel.js';
import type { KernelName } from './kernel-names.js';
import { guestArguments, HYPERV_CPU, outerArguments, qemuInTree } from './qemu-arguments.js';
import { backendOf } from './session.js';

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

/** What the guest is made of, as far as a run may choose. */
export interface GuestSize {
  readonly cpus?: number;
  readonly memoryMiB?: number;
  /** More kernel parameters. */
  readonly append?: string;
}

/** A command line of QEMU, and whether what it starts boots long enough to be worth a snapshot. */
export interface Machine {
  readonly command: readonly string[];
  readonly isSlow: boolean;
}

/** Beyond the guest's memory: the outer machine's own system and the files it hands to the guest. */
export const OUTER_MEMORY_MIB = 1280;

// QEMU knows best whether this machine's KVM has what the CPU needs: it refuses to start otherwise.
export function hyperVByKvm(qemuTree: string): { accepted: boolean; reason: string } {
  const [program = '', ...prefix] = qemuInTree(qemuTree);
  const machine = ['-M', 'pc', '-accel', 'kvm', '-cpu', HYPERV_CPU, '-S', '-display', 'none', '-nodefaults'];
  const { status, stderr, error } = spawnSync(
    program,
    [...prefix, ...machine, '-device', 'vmbus-bridge', '-qmp', 'stdio'],
    {
      input: '{"execute":"qmp_capabilities"}{"execute":"quit"}',
      encoding: 'utf8',
      timeout: 20_000,
    },
  );
  if (status === 0) return { accepted: true, reason: 'KVM with Hyper-V enlightenments' };
  return { accepted: false, reason: (stderr || String(error)).trim().split('\n')[0] ?? '' };
}

/** The QEMU that emulates the outer machine, with what emulator/ mends of it, which is compiled here. */
export function emulator({ cache, qemuTree }: Pick<Lab, 'cache' | 'qemuTree'>): string[] {
  return qemuInTree(qemuTree, compiled(cache, 'emulator', labSource('emulator'), PRELOADED));
}

// Ports of the guest. `out`: the job in, what its command prints out. `ctl`: progress lines and the exit status. `report`:
// what the command tells the lab, byte by byte. `qmp`: the monitor of the guest's own QEMU.

/** The machine that runs a guest of that size. Builds its images unless they are there. */
export function machineFor(lab: Lab, { cpus = 2, memoryMiB = 768, append = '' }: GuestSize): Machine {
  const image = guestImage(suiteGuest(lab.qemuTree, lab.kernel));
  const size = { cpus, memoryMiB, append };
  return lab.mode === 'direct' ? directMachine(lab, image, size) : nestedMachine(lab, image, size);
}

function directMachine({ cache, qemuTree, kernel }: Lab, image: GuestImage, size: Required<GuestSize>): Machine {
  const guest = guestArguments({
    ...size,
    host: 'balloon',
    kernel: kernel.elf(),
    image: guestImageFile(cache, image),
    console: backendOf('con'),
    monitor: backendOf('guestMonitor'),
    ports: { out: backendOf('out'), ctl: backendOf('ctl'), report: backendOf('report'), qmp: backendOf('qmp') },
  });
  return { command: [...qemuInTree(qemuTree), ...guest], isSlow: false };
}

function nestedMachine(lab: Lab, guest: GuestImage, size: Required<GuestSize>): Machine {
  const { cache, qemuTree, outerKernel } = lab;
  const port = (name: string): string => `pipe,path=/dev/virtio-ports/lab.${name}`; // opened for both directions
  const inner = guestArguments({
    ...size,
    host: 'balloon',
    ...OUTER_PLACES,
    console: port('con'),
    monitor: 'pipe,path=/run/monitor',
    ports: { out: port('out'), ctl: port('ctl'), report: port('report'), qmp: 'pipe,path=/run/guest' },
  });
  const guestKernel = lab.kernel.elf();
  const image = outerImageFile({ cache, qemuTree, kernel: outerKernel, guestKernel, guest, guestArguments: inner });
  const outer = outerArguments({
    kernel: outerKernel.elf(),
    image,
    cpus: size.cpus,
    memoryMiB: size.memoryMiB + OUTER_MEMORY_MIB,
    console: backendOf('console'),
    monitor: backendOf('monitor'),
    ports: { out: backendOf('out'), ctl: backendOf('ctl'), report: backendOf('report'), con: backendOf('con') },
  });
  return { command: [...emulator(lab), ...outer], isSlow: true };
}

// SPDX-License-Identifier: MIT
// What a guest's root holds: the two kinds of guests, and what they have in common.
// Called by machine.ts, hosted/ and image-builder.ts.
import fs from 'node:fs';
import type { Kernel } from './kernel.js';

/** A program, and the tree that its libraries come from ('' for this machine). */
export interface Program {
  readonly place: string;
  readonly file: string;
  readonly root: string;
}

export interface GuestContents {
  readonly qemuTree: string;
  readonly kernel: Kernel;
  /** The first process, a file of guest/. */
  readonly init: 'inner-init' | 'hosted-init';
  /** Modules loaded at boot. */
  readonly load: readonly string[];
  readonly programs: readonly Program[];
  /** Further files and symbolic links: place there -> file here. */
  readonly files?: Readonly<Record<string, string>>;
  /** Lets the kernel ask modprobe for modules by their aliases, as on an installed system. */
  readonly aliases?: boolean;
}

/** There for a test's modprobe, where the kernel has them. */
export const OFFERED_MODULES = [
  'hv_vmbus',
  'uio_hv_generic',
  'hv_balloon',
  'hv_utils',
  'hv_sock',
  'hv_netvsc',
  'hv_storvsc',
  'sd_mod',
  'pci-hyperv',
  'hid-hyperv',
  'hyperv-keyboard',
  'atkbd',
  'hid-generic',
  'evdev',
  'hyperv_drm',
  'vsock_loopback',
  'loop',
  'tun',
  'ext4',
  'cpuid',
  'msr',
];

const PORTS = ['virtio_pci', 'virtio_console'];

/** Node as this machine has it. */
export const nodeProgram = (): Program => ({
  place: '/usr/bin/node',
  file: fs.realpathSync(process.execPath),
  root: '',
});

/** The guest of QEMU's own host: Node for the suites, and VMBus without hv_balloon, which would take their channel. */
export function suiteGuest(qemuTree: string, kernel: Kernel): GuestContents {
  return { qemuTree, kernel, init: 'inner-init', load: [...PORTS, 'hv_vmbus'], programs: [nodeProgram()] };
}

/** What a hosted guest has besides its agent. */
export type Extras = Required<Pick<GuestContents, 'programs' | 'files'>>;

/** The guest of a host of ours: an agent that runs commands, and nothing of Hyper-V's loaded yet. */
export function hostedGuest(qemuTree: string, kernel: Kernel, agent: string, extras: Extras): GuestContents {
  const programs = [{ place: '/lab/agent', file: agent, root: '' }, ...extras.programs];
  return { qemuTree, kernel, init: 'hosted-init', load: PORTS, programs, files: extras.files, aliases: true };
}

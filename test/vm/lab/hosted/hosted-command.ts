// SPDX-License-Identifier: MIT
// The machine of a hosted guest: QEMU's command line on this machine's KVM, or inside an emulated outer machine.
// Called by boot-hosted.ts. Calls qemu-arguments.ts, image-builder.ts and compile.ts.
import path from 'node:path';
import { replaceFile, touch } from '../cache.js';
import { compiled, labSource, PRELOADED } from '../compile.js';
import { type Extras, hostedGuest } from '../guest-contents.js';
import { guestImage, guestImageFile, OUTER_PLACES, outerImageFile } from '../image-builder.js';
import { emulator, type Lab, OUTER_MEMORY_MIB } from '../machine.js';
import { guestArguments, outerArguments, qemuInTree, SHARED_MEMORY_FILE } from '../qemu-arguments.js';
import { windowParameters, windowTable } from './memory-window.js';

/** Descriptors of the QEMU process on this machine; the process and its command line agree on them here. */
export const HOSTED_SOCKETS = { monitor: 3, ctl: 4, console: 5, con: 6, agent: 7 } as const;
export type HostedSocket = keyof typeof HOSTED_SOCKETS;
const MEMORY_FILE = '/proc/self/fd/8';
/** The stream of the preloaded object, in the folder in which QEMU is started. */
export const LINK_FILE = 'link';

const backendOf = (name: HostedSocket): string => `socket,fd=${HOSTED_SOCKETS[name]}`;

export interface HostedSize {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly append: string;
  /** Its memory is the file that QEMU gets as its first descriptor after the sockets. */
  readonly sharesMemory: boolean;
  readonly restarts: boolean;
  readonly hibernates: boolean;
  readonly hypervFirmware: boolean;
  /** Of its memory, for the bus's memory-mapped window; 0 for a bus without one. */
  readonly windowMiB: number;
}

export interface HostedCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Of the shared file; a PCI device's memory is a power of two. */
  readonly memoryFileMiB: number;
}

/** Compiles and builds what is missing. */
export function hostedCommand(lab: Lab, extras: Extras, size: HostedSize): HostedCommand {
  const shim = compiled(lab.cache, 'shim', labSource('shim'), PRELOADED);
  const agent = compiled(lab.cache, 'agent', labSource('guest/agent.c'), ['-static']);
  const image = guestImage(hostedGuest(lab.qemuTree, lab.kernel, agent, extras));
  return lab.mode === 'direct' ? direct(lab, image, shim, size) : nested(lab, image, shim, size);
}

interface Window {
  /** The ACPI table that tells of it. */
  readonly table: string;
  readonly append: string;
}

function windowOf(cache: string, { append, memoryMiB, windowMiB }: HostedSize): Window | undefined {
  if (windowMiB === 0) return undefined;
  const table = path.join(cache, 'compiled', `window-${windowMiB}-of-${memoryMiB}.aml`);
  if (!touch(table)) replaceFile(table, windowTable(memoryMiB, windowMiB));
  return { table, append: `${append} ${windowParameters(memoryMiB, windowMiB)}`.trim() };
}

type Image = ReturnType<typeof guestImage>;

function direct({ cache, qemuTree, kernel }: Lab, image: Image, shim: string, size: HostedSize): HostedCommand {
  const window = windowOf(cache, size);
  const guest = guestArguments({
    ...size,
    ...(window === undefined ? {} : { acpiTable: window.table, append: window.append }),
    host: 'ours',
    kernel: kernel.elf(),
    image: guestImageFile(cache, image),
    console: backendOf('con'),
    monitor: backendOf('monitor'),
    ports: { agent: backendOf('agent') },
    ...(size.sharesMemory ? { memoryFile: MEMORY_FILE } : {}),
  });
  return {
    command: [...qemuInTree(qemuTree, shim), ...guest],
    env: { HVBUS: LINK_FILE },
    memoryFileMiB: size.memoryMiB,
  };
}

function nested(lab: Lab, image: Image, shim: string, size: HostedSize): HostedCommand {
  const { cache, qemuTree, outerKernel } = lab;
  const { sharesMemory, memoryMiB } = size;
  const port = (name: string): string => `/dev/virtio-ports/lab.${name}`;
  const window = windowOf(cache, size);
  const inner = guestArguments({
    ...size,
    ...(window === undefined ? {} : { acpiTable: '/lab/window.aml', append: window.append }),
    ...OUTER_PLACES,
    host: 'ours',
    console: `pipe,path=${port('con')}`,
    ports: { agent: `pipe,path=${port('agent')}` },
    ...(sharesMemory ? { memoryFile: SHARED_MEMORY_FILE } : {}),
  });
  const outerImage = outerImageFile({
    cache,
    qemuTree,
    kernel: outerKernel,
    guestKernel: lab.kernel.elf(),
    guest: image,
    guestArguments: inner,
    guestEnvironment: { HVBUS: port('link'), LD_PRELOAD: '/lab/shim.so' },
    files: { '/lab/shim.so': shim, ...(window === undefined ? {} : { '/lab/window.aml': window.table }) },
  });
  const memoryFileMiB = 2 ** Math.ceil(Math.log2(memoryMiB));
  const outer = outerArguments({
    kernel: outerKernel.elf(),
    image: outerImage,
    cpus: size.cpus,
    memoryMiB: OUTER_MEMORY_MIB + (sharesMemory ? 0 : memoryMiB),
    console: backendOf('console'),
    monitor: backendOf('monitor'),
    ports: {
      ctl: backendOf('ctl'),
      con: backendOf('con'),
      agent: backendOf('agent'),
      link: `socket,path=${LINK_FILE},server=on,wait=off`,
    },
    ...(sharesMemory ? { shared: { file: MEMORY_FILE, mebibytes: memoryFileMiB } } : {}),
  });
  return { command: [...emulator(lab), ...outer], env: {}, memoryFileMiB };
}

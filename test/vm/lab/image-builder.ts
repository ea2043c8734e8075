// SPDX-License-Identifier: MIT
// Builds what the two machines unpack as their root: busybox, modules, and one program with its libraries each.
// The guest's image has Node and lies inside the outer machine's image, which has QEMU.
// Called by lab.ts.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFile, touch } from './cache.js';
import { CpioWriter, type Sink } from './cpio.js';
import { librariesOf } from './elf.js';
import type { Kernel } from './kernel.js';

const GUEST_SCRIPTS = fileURLToPath(new URL('../../../test/vm/guest/', import.meta.url));
const script = (name: string): string => fs.readFileSync(path.join(GUEST_SCRIPTS, name), 'utf8');

/** Loaded at boot. hv_balloon is not: it would take the channel that the tests want. */
const GUEST_LOADS = ['virtio_pci', 'virtio_console', 'hv_vmbus'];
/** There for a test's modprobe, where the kernel has them. */
const GUEST_OFFERS = [
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
  'hyperv_drm',
  'vsock_loopback',
  'loop',
  'ext4',
  'cpuid',
  'msr',
];
const OUTER_LOADS = ['kvm-amd', 'virtio_pci', 'virtio_console'];

const ACCOUNTS = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n';
const GROUPS = 'root:x:0:\nnogroup:x:65534:\n';

/** A short name for everything that a built file depends on. */
export const fingerprint = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);

/** Changes when the way in which images are built does. */
const BUILDER = fingerprint(
  ...['image-builder.js', 'cpio.js', 'elf.js', 'kernel.js'].map((name) =>
    fs.readFileSync(new URL(name, import.meta.url), 'utf8'),
  ),
);

/** Changes when a file does. */
const stamp = (file: string): unknown => {
  const { size, mtimeMs } = fs.statSync(file);
  return [file, size, mtimeMs];
};

function addModules(archive: CpioWriter, kernel: Kernel, load: readonly string[], offer: readonly string[]): void {
  const folder = `/lib/modules/${kernel.release}`;
  const modules = kernel.modules([...load, ...offer.filter((name) => kernel.has(name))]);
  const below = (name: string): string[] =>
    (modules.get(name)?.dependsOn ?? []).flatMap((needed) => (modules.has(needed) ? [needed, ...below(needed)] : []));
  const loadingOrder = [...modules.keys()];
  let index = '';
  for (const [name, { file }] of modules) {
    const needed = new Set(below(name));
    // modprobe loads a line's modules from its end, so what is needed by others comes last.
    const line = loadingOrder.filter((other) => needed.has(other)).reverse();
    archive.file(`${folder}/${name}.ko`, file);
    index += `${name}.ko: ${line.map((other) => `${other}.ko`).join(' ')}\n`;
  }
  archive.text(`${folder}/modules.dep`, index);
  const builtin = [...load, ...offer].filter((name) => kernel.isBuiltin(name));
  archive.text(`${folder}/modules.builtin`, builtin.map((name) => `kernel/${name}.ko\n`).join(''));
  archive.text('/lab/load', load.map((name) => `${name}\n`).join(''));
}

function addProgram(archive: CpioWriter, name: string, file: string, root = ''): void {
  archive.file(name, file);
  for (const [place, library] of librariesOf([file], root)) archive.file(place, library);
}

function addBase(archive: CpioWriter, qemuTree: string, init: string): void {
  archive.text('/init', init, 0o755);
  archive.characterDevice('/dev/console', 5, 1);
  archive.file('/bin/busybox', path.join(qemuTree, 'usr/bin/busybox'));
  archive.symlink('/sbin/modprobe', '/bin/busybox'); // where the kernel looks for it
}

/** Has a file of that name in the cache, and writes it only if it isn't there. */
function builtOnce(file: string, write: (sink: Sink) => void): string {
  if (touch(file)) return file;
  buildFile(file, (unfinished) => {
    const descriptor = fs.openSync(unfinished, 'w');
    try {
      write((chunk) => writeAll(descriptor, chunk));
    } finally {
      fs.closeSync(descriptor);
    }
  });
  return file;
}

function writeAll(descriptor: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length; ) done += fs.writeSync(descriptor, chunk, done);
}

export interface GuestImage {
  /** Names the content. */
  readonly id: string;
  readonly write: (sink: Sink) => void;
}

/** The root of the guest. Nothing is built until it is written. */
export function guestImage(qemuTree: string, kernel: Kernel, node: string): GuestImage {
  const init = script('inner-init');
  return {
    id: fingerprint(BUILDER, qemuTree, kernel.release, init, GUEST_LOADS, GUEST_OFFERS, stamp(node)),
    write(sink) {
      const archive = new CpioWriter(sink);
      addBase(archive, qemuTree, init);
      archive.text('/etc/passwd', ACCOUNTS);
      archive.text('/etc/group', GROUPS);
      addModules(archive, kernel, GUEST_LOADS, GUEST_OFFERS);
      addProgram(archive, '/usr/bin/node', node);
      archive.end();
    },
  };
}

/** The guest's image as a file, for a QEMU that runs on this machine. */
export function guestImageFile(cache: string, image: GuestImage): string {
  return builtOnce(path.join(cache, 'images', `guest-${image.id}.cpio`), image.write);
}

/** Where the outer machine keeps the guest's kernel and root. */
export const OUTER_PLACES = { kernel: '/lab/vmlinux', image: '/lab/guest.cpio' } as const;

export interface OuterImageOptions {
  readonly cache: string;
  readonly qemuTree: string;
  /** The outer machine's own kernel. */
  readonly kernel: Kernel;
  /** The guest's ELF kernel. */
  readonly guestKernel: string;
  readonly guest: GuestImage;
  /** Arguments of the QEMU that the outer machine runs. */
  readonly guestArguments: readonly string[];
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The outer machine's root, with all that the guest needs in it. */
export function outerImageFile(options: OuterImageOptions): string {
  const { cache, qemuTree, kernel, guestKernel, guest, guestArguments } = options;
  const init = script('outer-init');
  const id = fingerprint(BUILDER, qemuTree, kernel.release, init, guestKernel, guest.id, guestArguments, OUTER_LOADS);
  return builtOnce(path.join(cache, 'images', `outer-${id}.cpio`), (sink) => {
    const archive = new CpioWriter(sink);
    addBase(archive, qemuTree, init);
    addModules(archive, kernel, OUTER_LOADS, []);
    addProgram(archive, '/usr/bin/qemu-system-x86_64', path.join(qemuTree, 'usr/bin/qemu-system-x86_64'), qemuTree);
    for (const name of ['linuxboot_dma.bin', 'pvh.bin', 'kvmvapic.bin', 'qboot.rom']) {
      archive.file(`/usr/share/qemu/${name}`, path.join(qemuTree, 'usr/share/qemu', name));
    }
    archive.file('/usr/share/qemu/bios-256k.bin', path.join(qemuTree, 'usr/share/seabios/bios-256k.bin'));
    archive.file(OUTER_PLACES.kernel, guestKernel);
    const chunks: Uint8Array[] = [];
    guest.write((chunk) => chunks.push(chunk));
    archive.bytes(OUTER_PLACES.image, Buffer.concat(chunks));
    archive.text('/lab/start-guest', `qemu-system-x86_64 ${guestArguments.map(quote).join(' ')}\n`);
    archive.end();
  });
}

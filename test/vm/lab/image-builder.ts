// SPDX-License-Identifier: MIT
// Builds what the two machines unpack as their root: busybox, modules, and programs with their libraries.
// The guest's image lies inside the outer machine's image, which has QEMU.
// Called by machine.ts and hosted/. What is in a guest's root is said in guest-contents.ts.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFile, touch } from './cache.js';
import { CpioWriter, type Sink } from './cpio.js';
import { librariesOf, moduleAliases } from './elf.js';
import { type GuestContents, OFFERED_MODULES } from './guest-contents.js';
import type { Kernel } from './kernel.js';

const GUEST_SCRIPTS = fileURLToPath(new URL('../../../test/vm/guest/', import.meta.url));
const script = (name: string): string => fs.readFileSync(path.join(GUEST_SCRIPTS, name), 'utf8');

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

interface ModuleChoice {
  readonly load: readonly string[];
  readonly offer: readonly string[];
  readonly aliases?: boolean;
}

function addModules(archive: CpioWriter, kernel: Kernel, { load, offer, aliases = false }: ModuleChoice): void {
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
  if (aliases) {
    const lines = [...modules].flatMap(([name, { file }]) =>
      moduleAliases(file).map((alias) => `alias ${alias} ${name}\n`),
    );
    archive.text(`${folder}/modules.alias`, lines.join(''));
  }
  const builtin = [...load, ...offer].filter((name) => kernel.isBuiltin(name));
  archive.text(`${folder}/modules.builtin`, builtin.map((name) => `kernel/${name}.ko\n`).join(''));
  archive.text('/lab/load', load.map((name) => `${name}\n`).join(''));
}

function addLibraries(archive: CpioWriter, program: string, root: string): void {
  for (const [place, library] of librariesOf([program], root)) archive.file(place, library);
}

function addFile(archive: CpioWriter, place: string, file: string): void {
  if (fs.lstatSync(file).isSymbolicLink()) archive.symlink(place, fs.readlinkSync(file));
  else archive.file(place, file);
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

/** The root of a guest. Nothing is built until it is written. */
export function guestImage(contents: GuestContents): GuestImage {
  const { qemuTree, kernel, load, programs, files = {}, aliases = false } = contents;
  const init = script(contents.init);
  const setup = script('setup');
  const stamps = programs.map(({ place, file, root }) => [place, root, stamp(file)]);
  return {
    id: fingerprint(BUILDER, qemuTree, kernel.release, init, setup, load, OFFERED_MODULES, stamps, files, aliases),
    write(sink) {
      const archive = new CpioWriter(sink);
      addBase(archive, qemuTree, init);
      archive.text('/lab/setup', setup);
      archive.text('/etc/passwd', ACCOUNTS);
      archive.text('/etc/group', GROUPS);
      addModules(archive, kernel, { load, offer: OFFERED_MODULES, aliases });
      for (const { place, file } of programs) archive.file(place, file);
      for (const [place, file] of Object.entries(files)) addFile(archive, place, file);
      // Last: what a package has under two names stays one file, or a program would load it twice.
      for (const { file, root } of programs) addLibraries(archive, file, root);
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
  /** Arguments of the QEMU that the outer machine runs, and what is set in its environment. */
  readonly guestArguments: readonly string[];
  readonly guestEnvironment?: Readonly<Record<string, string>>;
  /** Further files: place there -> file here. */
  readonly files?: Readonly<Record<string, string>>;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The outer machine's root, with all that the guest needs in it. */
export function outerImageFile(options: OuterImageOptions): string {
  const { cache, qemuTree, kernel, guestKernel, guest, guestArguments, guestEnvironment = {}, files = {} } = options;
  const init = script('outer-init');
  const settings = Object.entries(guestEnvironment).map(([name, value]) => `${name}=${quote(value)} `);
  const start = `${settings.join('')}qemu-system-x86_64 ${guestArguments.map(quote).join(' ')}\n`;
  const stamps = Object.entries(files).map(([place, file]) => [place, stamp(file)]);
  const id = fingerprint(BUILDER, qemuTree, kernel.release, init, guestKernel, guest.id, start, OUTER_LOADS, stamps);
  return builtOnce(path.join(cache, 'images', `outer-${id}.cpio`), (sink) => {
    const archive = new CpioWriter(sink);
    addBase(archive, qemuTree, init);
    addModules(archive, kernel, { load: OUTER_LOADS, offer: [] });
    const qemu = path.join(qemuTree, 'usr/bin/qemu-system-x86_64');
    archive.file('/usr/bin/qemu-system-x86_64', qemu);
    addLibraries(archive, qemu, qemuTree);
    for (const name of ['linuxboot_dma.bin', 'pvh.bin', 'kvmvapic.bin', 'qboot.rom']) {
      archive.file(`/usr/share/qemu/${name}`, path.join(qemuTree, 'usr/share/qemu', name));
    }
    archive.file('/usr/share/qemu/bios-256k.bin', path.join(qemuTree, 'usr/share/seabios/bios-256k.bin'));
    archive.file(OUTER_PLACES.kernel, guestKernel);
    const chunks: Uint8Array[] = [];
    guest.write((chunk) => chunks.push(chunk));
    archive.bytes(OUTER_PLACES.image, Buffer.concat(chunks));
    for (const [place, file] of Object.entries(files)) archive.file(place, file);
    archive.text('/lab/start-guest', start);
    archive.end();
  });
}

// SPDX-License-Identifier: MIT
// Takes what the lab boots out of an unpacked Debian kernel package: the ELF kernel and modules in loading order.
// Called by lab.ts and image-builder.ts. Format of the compressed kernel: Documentation/arch/x86/boot.rst.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { replaceFile } from './cache.js';
import { moduleDependencies } from './elf.js';

/** Gives the command line, less its arguments, of an unpacking tool ("xz", "zstd", "lz4"). */
export type Tools = (name: string) => readonly string[];

const COMPRESSIONS: readonly (readonly [magic: string, tool: string])[] = [
  ['fd377a585a', 'xz'],
  ['28b52ffd', 'zstd'],
  ['02214c18', 'lz4'], // the legacy frame, which Debian 12's cloud kernel uses
];

const MAX_UNPACKED = 256 << 20;

const moduleName = (name: string): string => name.replaceAll('-', '_');

/** A kernel package's tree. Unpacked files are kept beside it and made only once. */
export class Kernel {
  /** As `uname -r` prints it. */
  readonly release: string;
  readonly #tree: string;
  readonly #tools: Tools;
  readonly #files = new Map<string, string>();
  readonly #builtin: ReadonlySet<string>;

  constructor(tree: string, tools: Tools) {
    this.#tree = tree;
    this.#tools = tools;
    const modules = ['usr/lib/modules', 'lib/modules']
      .map((name) => path.join(tree, name))
      .find((name) => fs.existsSync(name));
    const release = modules && fs.readdirSync(modules)[0];
    if (modules === undefined || release === undefined) throw new Error(`${tree} holds no kernel modules`);
    this.release = release;
    const folder = path.join(modules, release);
    for (const entry of fs.readdirSync(folder, { withFileTypes: true, recursive: true })) {
      const match = /^(.*)\.ko(\.xz|\.zst)?$/.exec(entry.name);
      if (match?.[1] !== undefined) this.#files.set(moduleName(match[1]), path.join(entry.parentPath, entry.name));
    }
    const builtin = fs.readFileSync(path.join(folder, 'modules.builtin'), 'utf8').trim().split('\n');
    this.#builtin = new Set(builtin.map((line) => moduleName(path.basename(line, '.ko'))));
  }

  /** Modules that are part of the kernel itself. */
  isBuiltin(name: string): boolean {
    return this.#builtin.has(moduleName(name));
  }

  has(name: string): boolean {
    return this.isBuiltin(name) || this.#files.has(moduleName(name));
  }

  /** The ELF kernel. QEMU starts it directly (PVH), which saves unpacking it on a slow CPU at each level. */
  elf(): string {
    const result = path.join(this.#tree, 'vmlinux');
    if (fs.existsSync(result)) return result;
    const packed = this.#compressed();
    const image = fs.readFileSync(packed);
    const setupSectors = image.readUInt8(0x1f1) || 4;
    const start = (setupSectors + 1) * 512 + image.readUInt32LE(0x248);
    const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4); // the last word is the unpacked size
    const tool = COMPRESSIONS.find(([magic]) => payload.subarray(0, magic.length / 2).toString('hex') === magic)?.[1];
    if (tool === undefined) throw new Error(`${packed} is compressed in a way that this lab does not know`);
    replaceFile(result, this.#unpack(tool, payload));
    return result;
  }

  /** Files of modules and of all that they depend on, dependencies first. Built-in ones are left out. */
  modules(names: readonly string[]): ReadonlyMap<string, KernelModule> {
    const result = new Map<string, KernelModule>();
    const add = (name: string): void => {
      if (result.has(name) || this.isBuiltin(name)) return;
      const file = this.#module(name);
      const dependsOn = moduleDependencies(file).map(moduleName);
      dependsOn.forEach(add);
      result.set(name, { file, dependsOn });
    };
    names.map(moduleName).forEach(add);
    return result;
  }

  #compressed(): string {
    const places = [`boot/vmlinuz-${this.release}`, `usr/lib/modules/${this.release}/vmlinuz`];
    const found = places.map((place) => path.join(this.#tree, place)).find((file) => fs.existsSync(file));
    if (found === undefined) throw new Error(`${this.#tree} has none of ${places.join(', ')}`);
    return found;
  }

  #module(name: string): string {
    const packed = this.#files.get(name);
    if (packed === undefined) throw new Error(`kernel ${this.release} has no module ${name}`);
    if (packed.endsWith('.ko')) return packed;
    const file = path.join(this.#tree, 'modules', `${name}.ko`);
    if (!fs.existsSync(file))
      replaceFile(file, this.#unpack(packed.endsWith('.xz') ? 'xz' : 'zstd', fs.readFileSync(packed)));
    return file;
  }

  #unpack(tool: string, data: Uint8Array): Buffer {
    const [program, ...prefix] = this.#tools(tool);
    if (program === undefined) throw new Error(`no way to run ${tool}`);
    return execFileSync(program, [...prefix, '-dc'], {
      input: data,
      maxBuffer: MAX_UNPACKED,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  }
}

/** One module that is a file, and the names of those it needs (some may be built in). */
export interface KernelModule {
  readonly file: string;
  readonly dependsOn: readonly string[];
}

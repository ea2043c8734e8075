// SPDX-License-Identifier: MIT
// Writes cpio archives in the "newc" format, which is what Linux unpacks as its initramfs.
// Owners are always 0:0 and device nodes are records only, so neither privileges nor tools are needed.
// Called by image-builder.ts and job.ts. Format: Documentation/driver-api/early-userspace/buffer-format.rst.
import fs from 'node:fs';
import path from 'node:path';

const S_IFLNK = 0o120000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;

/** Takes the archive's bytes in order. */
export type Sink = (chunk: Uint8Array) => void;

interface Entry {
  readonly name: string;
  readonly mode: number;
  readonly data?: Uint8Array;
  readonly device?: readonly [major: number, minor: number];
}

const padding = (length: number): Uint8Array => new Uint8Array((4 - (length % 4)) % 4);

/** One archive; names are absolute or relative to the root, and a name's first record wins. */
export class CpioWriter {
  readonly #sink: Sink;
  readonly #names = new Set<string>();
  #inode = 1;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** A folder; the folders above every entry are made without asking. */
  folder(name: string): void {
    this.#add({ name, mode: S_IFDIR | 0o755 });
  }

  symlink(name: string, target: string): void {
    this.#add({ name, mode: S_IFLNK | 0o777, data: Buffer.from(target) });
  }

  characterDevice(name: string, major: number, minor: number): void {
    this.#add({ name, mode: S_IFCHR | 0o600, device: [major, minor] });
  }

  /** A file made of text. */
  text(name: string, content: string, mode = 0o644): void {
    this.bytes(name, Buffer.from(content), mode);
  }

  /** A file made of bytes. */
  bytes(name: string, data: Uint8Array, mode = 0o644): void {
    this.#add({ name, mode: S_IFREG | mode, data });
  }

  /** A copy of a file; of its mode only "executable or not" is kept. */
  file(name: string, source: string): void {
    const mode = (fs.statSync(source).mode & 0o111) === 0 ? 0o644 : 0o755;
    this.#add({ name, mode: S_IFREG | mode, data: fs.readFileSync(source) });
  }

  /** A copy of a folder. `keep` sees each path relative to it and may leave entries out. */
  tree(name: string, source: string, keep: (relative: string) => boolean = () => true): void {
    this.folder(name);
    for (const entry of fs.readdirSync(source, { withFileTypes: true, recursive: true })) {
      const from = path.join(entry.parentPath, entry.name);
      const relative = path.relative(source, from);
      if (!keep(relative)) continue;
      const to = path.posix.join(name, relative);
      if (entry.isSymbolicLink()) this.symlink(to, fs.readlinkSync(from));
      else if (entry.isFile()) this.file(to, from);
    }
  }

  /** Ends the archive; nothing may be added after it. */
  end(): void {
    this.#record({ name: 'TRAILER!!!', mode: 0 });
  }

  #add(entry: Entry): void {
    const name = entry.name.replace(/^\/+/, '');
    if (this.#names.has(name)) return;
    const above = path.posix.dirname(name);
    if (above !== '.') this.folder(above);
    this.#names.add(name);
    this.#record({ ...entry, name });
  }

  #record({ name, mode, data = new Uint8Array(), device = [0, 0] }: Entry): void {
    const nameSize = Buffer.byteLength(name) + 1;
    const fields = [this.#inode++, mode, 0, 0, 1, 0, data.length, 0, 0, ...device, nameSize, 0];
    const numbers = fields.map((value) => value.toString(16).padStart(8, '0')).join('');
    const header = Buffer.from(`070701${numbers}${name}\0`);
    for (const chunk of [header, padding(header.length), data, padding(data.length)]) {
      if (chunk.length > 0) this.#sink(chunk);
    }
  }
}

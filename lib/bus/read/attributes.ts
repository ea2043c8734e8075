// SPDX-License-Identifier: MIT
//
// Reads the attribute files of one sysfs folder into checked values. A value is null where the kernel has none; what
// exists and can't be had is noted in `unreadable` with the errno, and never thrown.
// Called by device-reader.ts, channel-reader.ts and uio-reader.ts.
// Why openSync/readSync into one buffer: half the cost of readFileSync, and a scan reads thousands of files.

import { closeSync, constants, openSync, readdirSync, readSync } from 'node:fs';

import { errorCode } from '../system-error.js';
import type { Unreadable } from '../types.js';
import { markedErrno } from './unreadable-mark.js';

/** Larger than any attribute: sysfs gives at most one page, 64 KiB on some arm64 kernels. One byte more tells "too long". */
const largest = 65_536;
const buffer = Buffer.allocUnsafeSlow(largest + 1);

/** Errno that marks a value which was read and makes no sense. */
export const GARBAGE = 'EBADMSG';
/** What an empty number stands for: a regular file, in a simulated tree or a snapshot, can't fail as the kernel's can. */
const NO_VALUE = 'EINVAL';

/** Text of a small file, without its last line end. Throws the system's error, or EBADMSG for a file too long. */
export function readSmallFile(path: string): string {
  // Not blocking, so that a pipe in a foreign tree can't hang the scan.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let length = 0;
  try {
    for (;;) {
      const count = readSync(fd, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0 || length < 4096) break;
      if (length > largest) throw Object.assign(new Error(`${path} is too long`), { code: GARBAGE });
    }
  } finally {
    closeSync(fd);
  }
  return buffer.toString('utf8', 0, length > 0 && buffer[length - 1] === 0x0a ? length - 1 : length);
}

/** The same; null where it can't be read, for whatever reason. */
export function readSmallFileOrNull(path: string): string | null {
  try {
    return readSmallFile(path);
  } catch {
    return null;
  }
}

/** Names in a folder; empty where there is none. */
export function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

const signed = /^-?(?:0|[1-9]\d{0,9})$/;
const unsigned = /^(?:0|[1-9]\d{0,19})$/;
const hexadecimal = /^0x[0-9a-f]{1,16}$/;
const printable = /^[\x20-\x7e\u00a0-\uffff]*$/;
const largestCounter = 2n ** 64n - 1n;

/** The attribute files of one folder. */
export class AttributeFolder {
  readonly unreadable: Unreadable[];
  readonly path: string;
  /** An attribute that the folder listed was gone when it was read: the whole object may be going. */
  vanishing = false;
  readonly #names: ReadonlySet<string>;
  readonly #prefix: string;

  /** `names` is what the folder holds, so that no file is asked for in vain; `prefix` goes before names in `unreadable`. */
  constructor(path: string, names: Iterable<string>, unreadable: Unreadable[] = [], prefix = '') {
    this.path = path;
    this.#names = new Set(names);
    this.unreadable = unreadable;
    this.#prefix = prefix;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Any text without control characters. */
  text(name: string): string | null {
    const raw = this.#read(name);
    return raw === null || printable.test(raw) ? raw : this.garbage(name);
  }

  /** Text that matches; what the pattern's first group caught, or all of it. */
  matching(name: string, pattern: RegExp): string | null {
    const raw = this.#read(name);
    if (raw === null) return null;
    const match = pattern.exec(raw);
    return match ? (match[1] ?? match[0]) : this.garbage(name);
  }

  /** A 32-bit number printed with `%d`. */
  int(name: string): number | null {
    return this.#number(name, signed, -0x8000_0000, 0x7fff_ffff);
  }

  /** A 32-bit word, printed with `%u` by some kernels and with `%d` by others. */
  word(name: string): number | null {
    const value = this.#number(name, signed, -0x8000_0000, 0xffff_ffff);
    return value === null ? null : value >>> 0;
  }

  /** A number printed as `0x…`, up to 2^53. */
  hex(name: string): number | null {
    return this.#number(name, hexadecimal, 0, Number.MAX_SAFE_INTEGER);
  }

  /** A 64-bit counter. */
  counter(name: string): bigint | null {
    const raw = this.#read(name);
    if (raw === null) return null;
    if (raw === '') return this.#note(name, NO_VALUE);
    const value = unsigned.test(raw) ? BigInt(raw) : null;
    return value === null || value > largestCounter ? this.garbage(name) : value;
  }

  /** Notes that a value was read and makes no sense. */
  garbage(name: string): null {
    return this.#note(name, GARBAGE);
  }

  #number(name: string, pattern: RegExp, least: number, most: number): number | null {
    const raw = this.#read(name);
    if (raw === null) return null;
    if (raw === '') return this.#note(name, NO_VALUE);
    const value = pattern.test(raw) ? Number(raw) : Number.NaN;
    return value >= least && value <= most ? value : this.garbage(name);
  }

  #read(name: string): string | null {
    if (!this.#names.has(name)) return null;
    try {
      return readSmallFile(`${this.path}/${name}`);
    } catch (error) {
      const plain = errorCode(error);
      const code = (plain === 'ENOENT' ? markedErrno(`${this.path}/${name}`) : null) ?? plain;
      if (code === 'ENOENT' || code === 'ENODEV') this.vanishing = true;
      return this.#note(name, code);
    }
  }

  #note(name: string, errno: string): null {
    this.unreadable.push({ attribute: this.#prefix + name, errno });
    return null;
  }
}

// SPDX-License-Identifier: MIT
//
// The errors of the library: one class, stable codes, and a hint that names the next command to run.
// Codes are part of the contract, messages are not. Mistakes of the caller carry Node's own codes.

import { getSystemErrorMap } from 'node:util';

const brand = Symbol.for('vmbus.error');

/** Every code a {@link VmbusError} can carry, apart from the errno names of failed system calls. */
export type VmbusErrorCode =
  | 'ERR_VMBUS_NOT_A_GUEST'
  | 'ERR_VMBUS_NO_DEVICE'
  | 'ERR_VMBUS_NO_CHANNEL'
  | 'ERR_VMBUS_NO_POOL'
  | 'ERR_VMBUS_NO_KEY'
  | 'ERR_VMBUS_NOT_BOUND'
  | 'ERR_VMBUS_MODULE_MISSING'
  | 'ERR_VMBUS_BIND_REFUSED'
  | 'ERR_VMBUS_IN_USE'
  | 'ERR_VMBUS_BUSY'
  | 'ERR_VMBUS_NODE_KIND'
  | 'ERR_VMBUS_UNSUPPORTED'
  | 'ERR_VMBUS_PERMISSION'
  | 'ERR_VMBUS_CLOSED'
  | 'ERR_VMBUS_RESCINDED'
  | 'ERR_VMBUS_CORRUPT'
  | 'ERR_VMBUS_PROTOCOL'
  | 'ERR_VMBUS_SCSI'
  | 'ERR_VMBUS_REFUSED'
  | 'ERR_VMBUS_TOO_LARGE'
  | 'ERR_VMBUS_TIMEOUT'
  | 'ERR_VMBUS_NATIVE_LOAD'
  | 'ERR_VMBUS_SYSTEM';

/** What an error says besides its message. All fields are optional and plain data. */
export interface VmbusErrorDetails {
  /** The next command to run, or the page to read. */
  readonly hint?: string;
  /** Instance GUID of the device concerned. */
  readonly device?: string;
  /** Relid of the channel concerned. */
  readonly channel?: number;
  /** Path of the file, node or attribute concerned. */
  readonly path?: string;
  /** System call that failed, in lower case. */
  readonly syscall?: string;
  /** Positive errno of the failed system call. */
  readonly errno?: number;
  /** Name of that errno (`EACCES`), where it has one. */
  readonly errnoName?: string;
  /** Further facts, by name. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An error of this library. Test with `VmbusError.is(error)` or by `error.code`; both work across duplicate installs.
 * @category Errors
 */
export class VmbusError extends Error {
  readonly code: VmbusErrorCode;
  readonly hint: string | undefined;
  readonly device: string | undefined;
  readonly channel: number | undefined;
  readonly path: string | undefined;
  readonly syscall: string | undefined;
  readonly errno: number | undefined;
  readonly errnoName: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: VmbusErrorCode, message: string, details: VmbusErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.device = details.device;
    this.channel = details.channel;
    this.path = details.path;
    this.syscall = details.syscall;
    this.errno = details.errno;
    this.errnoName = details.errnoName;
    this.facts = details.facts ?? {};
    Object.defineProperty(this, brand, { value: true });
  }

  /** True for an error of this library, also of another copy of it. */
  static is(value: unknown): value is VmbusError {
    return typeof value === 'object' && value !== null && brand in value;
  }

  /** Plain JSON form, as `hv --json` prints it. */
  toJSON(): Record<string, unknown> {
    const all: Record<string, unknown> = {
      code: this.code,
      message: this.message,
      hint: this.hint,
      device: this.device,
      channel: this.channel,
      path: this.path,
      syscall: this.syscall,
      errno: this.errno,
      errnoName: this.errnoName,
      ...this.facts,
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }
}
Object.defineProperty(VmbusError.prototype, 'name', { value: 'VmbusError', writable: true, configurable: true });

/** Errnos the kernel uses inside itself and lets slip out of VMBus, which libc cannot name. */
const kernelInternal: Readonly<Record<number, string>> = { 524: 'ENOTSUPP' };

/** Name of a positive errno, e.g. 13 → `EACCES`; `E<number>` where there is none. */
export function errnoName(errno: number): string {
  return kernelInternal[errno] ?? systemErrno().get(errno) ?? `E${errno}`;
}

let names: Map<number, string> | undefined;
function systemErrno(): Map<number, string> {
  names ??= new Map([...getSystemErrorMap()].map(([negative, [name]]) => [-negative, name]));
  return names;
}

/** A TypeError with Node's own code, for an argument of the wrong type. */
export function invalidType(argument: string, expected: string, actual: unknown): TypeError {
  return nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', `"${argument}" must be ${expected}, not ${describe(actual)}`);
}

/** A TypeError with Node's own code, for an argument whose value makes no sense. */
export function invalidValue(argument: string, reason: string, actual: unknown): TypeError {
  return nodeError(TypeError, 'ERR_INVALID_ARG_VALUE', `"${argument}" ${reason}, got ${describe(actual)}`);
}

/** A RangeError with Node's own code. */
export function outOfRange(argument: string, range: string, actual: unknown): RangeError {
  return nodeError(RangeError, 'ERR_OUT_OF_RANGE', `"${argument}" must be ${range}, got ${describe(actual)}`);
}

function nodeError<T extends Error>(Class: new (message: string) => T, code: string, message: string): T {
  return Object.assign(new Class(message), { code });
}

function describe(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 60)}…'` : `'${value}'`;
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `an instance of ${value.constructor?.name ?? 'Object'}`;
}

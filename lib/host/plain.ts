// SPDX-License-Identifier: MIT
//
// Events, results and errors as plain data, for lines of JSON between processes; and errors made of them again.
// Called by: process-host.ts, process-main.ts, device-book.ts, child-host.ts.

import { VmbusError, type VmbusErrorCode, type VmbusErrorDetails } from '../errors.js';

/** An error as plain data: its code and message, and what else is known of it. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly [fact: string]: unknown;
}

/** What JSON can say. Numbers that it cannot hold are decimal text; bytes are told by their number; errors by what they say. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? undefined : value;
  if (value instanceof Error) return plainError(value);
  if (ArrayBuffer.isView(value)) return { bytes: value.byteLength };
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

/** What an error says. One without a code is a bug, and worth its stack. */
export function plainError(error: unknown): PlainError {
  if (VmbusError.is(error)) return plainFacts(error.toJSON(), error);
  const { message, code, stack } = error instanceof Error ? (error as Error & { code?: string }) : toError(error);
  return code === undefined ? { code: 'ERR_VMBUS_SYSTEM', message, stack } : { code, message };
}

function plainFacts(facts: Record<string, unknown>, { code, message }: VmbusError): PlainError {
  return { ...(plain(facts) as object), code, message };
}

function toError(thrown: unknown): Error & { code?: string } {
  return new Error(String(thrown));
}

const details: readonly string[] = ['hint', 'device', 'channel', 'path', 'syscall', 'errno', 'errnoName'];

/** The error that plain data tells of. */
export function errorOf({ code, message, ...more }: PlainError): Error {
  if (code.startsWith('ERR_VMBUS_')) {
    const own = Object.entries(more).filter(([name]) => details.includes(name));
    const facts = Object.entries(more).filter(([name]) => !details.includes(name));
    const rest = { ...Object.fromEntries(own), facts: Object.fromEntries(facts) } as VmbusErrorDetails;
    return new VmbusError(code as VmbusErrorCode, message, rest);
  }
  const Class = code === 'ERR_OUT_OF_RANGE' ? RangeError : code.startsWith('ERR_INVALID_ARG') ? TypeError : Error;
  return Object.assign(new Class(message), { code });
}

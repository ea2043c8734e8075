// SPDX-License-Identifier: MIT
//
// Values of options and arguments: whole numbers, durations, sizes and payloads, read strictly.

import { InvalidArgumentError } from 'commander';

/** The last number allowed where nothing smaller is natural. */
const limit = 2 ** 31 - 1;

/** A reader of whole numbers in a range. */
export function integer(min: number, max: number = limit): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `250ms`, `5s`, `2m`, `1h`; a bare number is seconds. */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const value = match ? Number(match[1]) * (units[match[2] ?? 's'] ?? 1000) : Number.NaN;
  if (!(value >= 0 && value <= limit)) {
    throw new InvalidArgumentError('It must be a duration such as 250ms, 5s, 2m or 1h (a bare number is seconds).');
  }
  return Math.round(value);
}

/** Bytes of `64`, `4K`, `2M`. */
export function size(text: string): number {
  const match = /^(\d{1,10})([KMG])?$/i.exec(text);
  const shift = { '': 0, k: 10, m: 20, g: 30 }[(match?.[2] ?? '').toLowerCase()] ?? 0;
  const value = match ? Number(match[1]) * 2 ** shift : Number.NaN;
  if (!(value <= limit)) throw new InvalidArgumentError('It must be a size such as 64, 4K or 1M.');
  return value;
}

/** Bytes written as hex digits, with spaces, colons or dashes between bytes where wanted. */
export function hexBytes(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '').replace(/[\s:-]/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw new InvalidArgumentError('It must be pairs of hex digits, such as 0a1b or "0a 1b".');
  }
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

/** A list of names separated by commas. */
export function names(text: string): string[] {
  const list = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  if (list.length === 0) throw new InvalidArgumentError('It must be one or more names, separated by commas.');
  return list;
}

/** Collects a repeatable option. */
export function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

// SPDX-License-Identifier: MIT
//
// Checks of what scripts pass in, each with Node's own error codes and the public name of the argument.
// Called by: every public function, before anything else happens.

import { invalidType, invalidValue, outOfRange } from './errors.js';
import { nearest } from './nearest.js';

/**
 * Checks that `options` is an object whose own names are all among `known`.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function checkOptionNames(options: unknown, known: readonly string[], argument = 'options'): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidType(argument, 'an object', options);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalidValue(argument, `${unknownName(name, known)}`, name);
  }
}

function unknownName(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return `has no option of that name; ${meant === null ? `there are ${known.join(', ')}` : `did you mean ${meant}`}`;
}

/**
 * Checks that an argument is an object and not null, as a device, a bus or options must be.
 * @throws TypeError ERR_INVALID_ARG_TYPE
 */
export function checkObject(value: unknown, argument: string, what: string): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidType(argument, what, value);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE unless the value is absent or true or false */
export function checkFlag(value: unknown, argument: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalidType(argument, 'a boolean', value);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE unless the value is absent or a string */
export function checkText(value: unknown, argument: string): void {
  if (value !== undefined && typeof value !== 'string') throw invalidType(argument, 'a string', value);
}

/** Checks `signal` and `timeoutMs`, which most options have. */
export function checkLimits(options: { readonly signal?: unknown; readonly timeoutMs?: unknown }): void {
  if (options.signal !== undefined && !isAbortSignal(options.signal)) {
    throw invalidType('options.signal', 'an AbortSignal', options.signal);
  }
  // setTimeout takes no more than 31 bits.
  if (options.timeoutMs !== undefined) checkNumber(options.timeoutMs, 'options.timeoutMs', 0, 2 ** 31 - 1);
}

function isAbortSignal(value: unknown): value is AbortSignal {
  return typeof value === 'object' && value !== null && 'aborted' in value && value instanceof EventTarget;
}

/** @throws TypeError, RangeError */
export function checkInteger(value: unknown, argument: string, least: number, most: number): asserts value is number {
  if (typeof value !== 'number') throw invalidType(argument, 'a number', value);
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw outOfRange(argument, `an integer in ${least} … ${most}`, value);
}

function checkNumber(value: unknown, argument: string, least: number, most: number): void {
  if (typeof value !== 'number') throw invalidType(argument, 'a number', value);
  if (!(value >= least && value <= most)) throw outOfRange(argument, `in ${least} … ${most}`, value);
}

// SPDX-License-Identifier: MIT
//
// Checks what a script passes to dynamic memory: options once, figures and ranges each time.
// Called by memory.ts.

import { checkLimits, checkOptionNames } from '../../check.js';
import { invalidType, outOfRange } from '../../errors.js';
import type { PageRange } from '../../protocol/dynamic-memory.js';
import { dynamicMemoryClass, maxPageNumber, maxPagesPerRange } from '../../protocol/dynamic-memory.js';
import { checkDevice, type ExpectedClass } from '../channel-of-device.js';
import { type MemoryFigures, readMemoryFigures } from './figures.js';
import type { MemoryOptions } from './types.js';

/** Options with their defaults. */
export type MemorySettings = Required<
  Pick<MemoryOptions, 'handshakeTimeoutMs' | 'reportDelayMs' | 'figures' | 'hotAddAlignment' | 'sequenceTimeoutMs'>
> &
  MemoryOptions;

/** setTimeout takes no longer ones. */
const longestMs = 0x7fff_ffff;
const known = [
  'signal',
  'handshakeTimeoutMs',
  'reportIntervalMs',
  'reportDelayMs',
  'figures',
  'onBalloon',
  'onUnballoon',
  'onHotAdd',
  'hotAddAlignment',
  'sequenceTimeoutMs',
] as const satisfies readonly (keyof MemoryOptions)[];

/** The device's class. */
export const dynamicMemory: ExpectedClass = { guid: dynamicMemoryClass, name: 'the dynamic memory device' };

/** What opening needs besides: the device, and options that may hold those of the channel. @throws TypeError */
export function checkOpenOptions(device: unknown, options: unknown): void {
  checkDevice(device, dynamicMemory);
  checkOptionNames(options, ['channel', ...known]);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE */
export function checkOptions(options: MemoryOptions): MemorySettings {
  checkOptionNames(options, known);
  checkLimits({ signal: options.signal });
  for (const name of ['figures', 'onBalloon', 'onUnballoon', 'onHotAdd'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function')
      throw invalidType(`options.${name}`, 'a function', options[name]);
  }
  const whole = (
    name: 'handshakeTimeoutMs' | 'reportIntervalMs' | 'reportDelayMs' | 'sequenceTimeoutMs' | 'hotAddAlignment',
    from: number,
    to: number,
  ): void => {
    const value = options[name];
    if (value === undefined) return;
    if (typeof value !== 'number') throw invalidType(`options.${name}`, 'a number', value);
    if (!Number.isInteger(value) || value < from || value > to)
      throw outOfRange(`options.${name}`, `a whole number from ${from} to ${to}`, value);
  };
  whole('handshakeTimeoutMs', 1, longestMs);
  whole('reportIntervalMs', 0, longestMs);
  whole('reportDelayMs', 0, longestMs);
  whole('sequenceTimeoutMs', 1, longestMs);
  whole('hotAddAlignment', 0, 15);
  return {
    handshakeTimeoutMs: 5000,
    reportDelayMs: 0,
    figures: (borrowedPages) => readMemoryFigures({ borrowedPages }),
    hotAddAlignment: 7,
    sequenceTimeoutMs: 30_000,
    ...options,
  };
}

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function checkFigures(figures: MemoryFigures): Required<MemoryFigures> {
  if (typeof figures !== 'object' || figures === null)
    throw invalidType('figures', 'an object with availablePages and committedPages', figures);
  const all = { pageFilePages: 0, zeroAndFreePages: 0, pageFileWrites: 0, ioDifference: 0, ...figures };
  for (const name of [
    'availablePages',
    'committedPages',
    'pageFilePages',
    'zeroAndFreePages',
    'pageFileWrites',
    'ioDifference',
  ] as const) {
    const value: unknown = all[name];
    if (typeof value !== 'number') throw invalidType(`figures.${name}`, 'a number of pages', value);
    if (!Number.isSafeInteger(value) || value < 0)
      throw outOfRange(`figures.${name}`, 'a whole number of pages', value);
  }
  return all;
}

/**
 * The ranges a handler gives, copied. Overlap with pages given before is the caller's check.
 * @throws TypeError, RangeError as the range is wrong
 */
export function checkGiven(ranges: unknown, askedPages: number): PageRange[] {
  if (ranges === undefined) return [];
  if (!Array.isArray(ranges)) throw invalidType('onBalloon answer', 'an array of ranges, or undefined', ranges);
  const copy = ranges.map((range: PageRange, i) => {
    const { firstPage, pageCount } = range ?? {};
    if (typeof firstPage !== 'bigint') throw invalidType(`onBalloon answer[${i}].firstPage`, 'a bigint', firstPage);
    if (!Number.isInteger(pageCount) || pageCount < 1 || pageCount > maxPagesPerRange)
      throw outOfRange(`onBalloon answer[${i}].pageCount`, '1 to 2^24 - 1', pageCount);
    // Frame 0 is never a process's page; it is what a mistaken lookup answers.
    if (firstPage < 1n || firstPage + BigInt(pageCount) > maxPageNumber + 1n)
      throw outOfRange(`onBalloon answer[${i}].firstPage`, '1n to 2^40 - 1, with its pages', firstPage);
    return { firstPage, pageCount };
  });
  const total = copy.reduce((sum, { pageCount }) => sum + pageCount, 0);
  if (total > askedPages)
    throw outOfRange('onBalloon answer', `at most the ${askedPages} pages that were asked for`, total);
  return copy;
}

// SPDX-License-Identifier: MIT
//
// The figures of a status report: how much memory is free to use, and how much the guest has promised to its processes.
// The host steers by "committed", so it has the same ingredients as the kernel driver's.
// Called by memory.ts. Source: get_pages_committed() and compute_balloon_floor() of drivers/hv/hv_balloon.c; proc_meminfo(5).

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkInteger, checkOptionNames, checkText } from '../../check.js';
import { errnoName, VmbusError } from '../../errors.js';
import { memoryPageBytes } from '../../protocol/dynamic-memory.js';

/** What a status report says, in pages of 4096 bytes. */
export interface MemoryFigures {
  /** Pages a new process could have. */
  readonly availablePages: number;
  /** Pages promised to processes, with those the host has borrowed and a floor that the guest needs to live. */
  readonly committedPages: number;
  /** The remaining fields of the message; Linux leaves them 0. */
  readonly pageFilePages?: number;
  readonly zeroAndFreePages?: number;
  readonly pageFileWrites?: number;
  readonly ioDifference?: number;
}

/** Options of {@link readMemoryFigures}. */
export interface MemoryFiguresOptions {
  /** Folder that holds `proc/`. Default `/`. */
  readonly root?: string;
  /** Pages that the host has borrowed at the moment. Default 0. */
  readonly borrowedPages?: number;
}

/**
 * The figures of now, from `/proc/meminfo`.
 * @throws VmbusError ERR_VMBUS_SYSTEM where the file cannot be read or lacks a figure; TypeError, RangeError for wrong options
 */
export function readMemoryFigures(options: MemoryFiguresOptions = {}): MemoryFigures {
  checkOptionNames(options, ['root', 'borrowedPages']);
  checkText(options.root, 'options.root');
  const { borrowedPages = 0 } = options;
  checkInteger(borrowedPages, 'options.borrowedPages', 0, Number.MAX_SAFE_INTEGER);
  const file = path.join(options.root ?? '/', 'proc/meminfo');
  const meminfo = parseMeminfo(readText(file));
  const figure = (...names: string[]): number => {
    const found = names.map((name) => meminfo.get(name)).find((value) => value !== undefined);
    if (found === undefined) throw new VmbusError('ERR_VMBUS_SYSTEM', `${file} has no ${names[0]}`, { path: file });
    return Math.floor((found * 1024) / memoryPageBytes);
  };
  const floor = committedFloorPages(figure('MemTotal'));
  return {
    // Kernels before 3.14 have no MemAvailable.
    availablePages: figure('MemAvailable', 'MemFree'),
    committedPages: figure('Committed_AS') + borrowedPages + floor,
  };
}

/** Pages that a guest with so much memory needs in any case: a piecewise linear function, as the kernel driver has it. */
export function committedFloorPages(totalPages: number): number {
  const pagesOf = (mib: number): number => mib * 256;
  if (totalPages < pagesOf(128)) return pagesOf(8) + Math.floor(totalPages / 2);
  if (totalPages < pagesOf(512)) return pagesOf(40) + Math.floor(totalPages / 4);
  if (totalPages < pagesOf(2048)) return pagesOf(104) + Math.floor(totalPages / 8);
  if (totalPages < pagesOf(8192)) return pagesOf(232) + Math.floor(totalPages / 16);
  return pagesOf(488) + Math.floor(totalPages / 32);
}

function parseMeminfo(text: string): Map<string, number> {
  const rows = text.matchAll(/^([A-Za-z0-9_()]+):\s+(\d+) kB$/gm);
  return new Map([...rows].map(([, name, kib]) => [name ?? '', Number(kib)]));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const errno = -((cause as NodeJS.ErrnoException).errno ?? 0);
    throw new VmbusError('ERR_VMBUS_SYSTEM', `${file} cannot be read`, {
      path: file,
      syscall: 'open',
      errno,
      errnoName: errnoName(errno),
      cause,
    });
  }
}

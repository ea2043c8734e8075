// SPDX-License-Identifier: MIT
//
// Device numbers: what a node is, whatever it is called and wherever it lies.
// Called by device-use.ts, nodes.ts, lib/channel. Source: makedev(3) of glibc and musl; `dev` attributes of sysfs.

import { readSmallFileOrNull } from '../read/attributes.js';

/** The number as stat(2) gives it. */
export function makeDeviceNumber(major: number, minor: number): number {
  const low = (BigInt(major & 0xfff) << 8n) | BigInt(minor & 0xff);
  return Number(low | (BigInt(minor & ~0xff) << 12n) | (BigInt(major & ~0xfff) << 32n));
}

/** The number as sysfs prints it. */
export function showDeviceNumber(number: number): string {
  const all = BigInt(number);
  const major = ((all >> 8n) & 0xfffn) | ((all >> 32n) & ~0xfffn);
  return `${major}:${(all & 0xffn) | ((all >> 12n) & 0xffff_ff00n)}`;
}

/** The number in a `dev` attribute ("240:0"); null where there is none. */
export function readDeviceNumber(path: string): number | null {
  const [, major, minor] = /^(\d{1,4}):(\d{1,7})$/.exec(readSmallFileOrNull(path) ?? '') ?? [];
  return major === undefined || minor === undefined ? null : makeDeviceNumber(Number(major), Number(minor));
}

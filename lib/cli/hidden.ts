// SPDX-License-Identifier: MIT
//
// What the kernel did not show to this user: named, so that a `-` is never mistaken for a fact.

import type { Device, Unreadable } from '../index.js';
import type { Output } from './output.js';

/** An attribute that exists, and that this user may not read. */
export interface Hidden {
  readonly device: string;
  /** Relid, for an attribute of a channel. */
  readonly channel: number | null;
  readonly attribute: string;
  readonly errno: string;
}

const denied = ({ errno }: Unreadable): boolean => errno === 'EACCES' || errno === 'EPERM';

/** Attributes hidden on some devices; on their channels too when those were looked at. */
export function findHidden(devices: readonly Device[], options: { readonly channels: boolean }): Hidden[] {
  return devices.flatMap((device) => {
    const own = device.unreadable.filter(denied).map((found) => ({ device: device.id, channel: null, ...found }));
    if (!options.channels) return own;
    const below = device.channels.flatMap(({ relid, unreadable }) =>
      unreadable.filter(denied).map((found) => ({ device: device.id, channel: relid, ...found })),
    );
    return [...own, ...below];
  });
}

/** Says which fields were hidden, once. */
export function noteHidden(hidden: readonly Hidden[], out: Output): void {
  if (hidden.length === 0) return;
  const names = [...new Set(hidden.map(({ attribute }) => attribute))].sort();
  out.note(`hidden from this user: ${names.join(', ')}; run as root to see ${names.length === 1 ? 'it' : 'them'}`);
}

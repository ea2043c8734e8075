// SPDX-License-Identifier: MIT
//
// What commands can have memory, network and disks do.
// Called by: by-name.ts. Calls: the methods of their providers.

import type { DynamicMemoryProvider } from '../dynamic-memory.js';
import type { NetvspProvider } from '../netvsp.js';
import type { ScsiProvider, StorageProvider } from '../storvsp/types.js';
import type { NamedVerb } from './types.js';
import { bytes, mistake, number, oneOf, optional, text, verb } from './verb.js';

const pageBytes = 4096;
const leastBytes = 2 ** 20;
const patienceMs = 60_000;

export const memoryVerbs: Readonly<Record<string, NamedVerb>> = {
  state: verb('tells what the guest has', [], (memory: DynamicMemoryProvider) => {
    const { state, currentPages, balloonedPages, hotAddedPages, lastReport } = memory;
    return { state, currentPages, balloonedPages, hotAddedPages, lastReport };
  }),
  target: verb('sets how much the guest shall have', [bytes('BYTES')], (memory: DynamicMemoryProvider, size) => {
    // Somebody who says 512 means megabytes; a guest with 512 bytes would be a dead one.
    if (size < leastBytes) throw mistake('takes a size such as 512M as BYTES, 1M at least');
    const targetPages = Math.floor(size / pageBytes);
    memory.balloon(targetPages);
    return { targetPages };
  }),
};

export const networkVerbs: Readonly<Record<string, NamedVerb>> = {
  state: verb('tells where the guest is, and counts', [], (card: NetvspProvider) => {
    const { state, mac, isConnected, version, channels, statistics } = card;
    return { state, mac, isConnected, version, channels, statistics };
  }),
  ready: verb(
    'waits until the guest takes frames',
    [optional(number('MS'))],
    (card: NetvspProvider, timeoutMs = patienceMs) => card.ready({ timeoutMs }),
  ),
  link: verb('puts the cable in, or takes it out', [oneOf('up|down', ['up', 'down'])], (card: NetvspProvider, to) => {
    if (to === 'up') card.connect();
    else card.disconnect();
  }),
};

const state = verb('tells where the guest is', [], (device: StorageProvider) => {
  const { state: where, version, commands, luns } = device;
  return { state: where, version, commands, luns };
});

export const ideVerbs: Readonly<Record<string, NamedVerb>> = {
  state,
  resize: verb('makes the disk larger or smaller', [bytes('BYTES')], (disk: StorageProvider, size) =>
    disk.resize(0, size),
  ),
};

export const scsiVerbs: Readonly<Record<string, NamedVerb>> = {
  state,
  add: verb(
    'adds the disk in a file',
    [text('FILE'), optional(oneOf('readonly', ['readonly']))],
    (controller: ScsiProvider, file, how) => ({ lun: controller.add({ file, readonly: how !== undefined }) }),
  ),
  remove: verb('takes a disk away', [number('LUN')], (controller: ScsiProvider, lun) => controller.remove(lun)),
  resize: verb(
    'makes a disk larger or smaller',
    [number('LUN'), bytes('BYTES')],
    (controller: ScsiProvider, lun, size) => controller.resize(lun, size),
  ),
  rescan: verb('tells the guest to look for disks', [], (controller: ScsiProvider) => controller.rescan()),
};

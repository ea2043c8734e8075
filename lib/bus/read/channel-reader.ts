// SPDX-License-Identifier: MIT
//
// Reads the channels of a device: `<device>/channels/<relid>`.
// Called by device-reader.ts when a script asks for `device.channels`, by watch.ts and move-channel.ts.
// Source: Documentation/ABI/stable/sysfs-bus-vmbus. The kernel's "in" is host to guest; values are no consistent snapshot.

import { statSync } from 'node:fs';
import { errorCode } from '../system-error.js';
import type { ChannelAttributes } from '../types.js';
import { AttributeFolder, GARBAGE, listFolder } from './attributes.js';

const relidName = /^[1-9]\d{0,9}$/;

/** Every channel of the device, the primary first, then by subchannel index. */
export function readChannels(devicePath: string): ChannelAttributes[] {
  const channels: ChannelAttributes[] = [];
  for (const name of listFolder(`${devicePath}/channels`)) {
    const channel = relidName.test(name) ? readChannel(devicePath, Number(name)) : null;
    if (channel) channels.push(channel);
  }
  return channels.sort((a, b) => rank(a) - rank(b) || a.relid - b.relid);
}

function rank(channel: ChannelAttributes): number {
  return channel.subchannelId ?? Number.MAX_SAFE_INTEGER;
}

/** One channel; null when its folder is not there, or went while it was read. */
export function readChannel(devicePath: string, relid: number): ChannelAttributes | null {
  const path = `${devicePath}/channels/${relid}`;
  const names = listFolder(path);
  if (names.length === 0) return null;
  const folder = new AttributeFolder(path, names);
  const subchannelId = folder.word('subchannel_id');
  const channel: ChannelAttributes = {
    relid,
    subchannelId,
    isPrimary: subchannelId === 0,
    cpu: folder.word('cpu'),
    outMask: folder.word('out_mask'),
    inMask: folder.word('in_mask'),
    readAvail: folder.word('read_avail'),
    writeAvail: folder.word('write_avail'),
    pending: folder.word('pending'),
    latency: folder.word('latency'),
    monitorId: folder.word('monitor_id'),
    interrupts: folder.counter('interrupts'),
    events: folder.counter('events'),
    intrInFull: folder.counter('intr_in_full'),
    intrOutEmpty: folder.counter('intr_out_empty'),
    outFullFirst: folder.counter('out_full_first'),
    outFullTotal: folder.counter('out_full_total'),
    ring: readRing(folder),
    signalling: folder.has('monitor_id') ? 'monitor' : 'hypercall',
    path,
    unreadable: folder.unreadable,
  };
  return folder.vanishing && listFolder(path).length === 0 ? null : channel;
}

function readRing(folder: AttributeFolder): ChannelAttributes['ring'] {
  if (!folder.has('ring')) return null;
  const path = `${folder.path}/ring`;
  try {
    const { size } = statSync(path);
    if (Number.isSafeInteger(size)) return { path, sizeBytes: size };
    folder.unreadable.push({ attribute: 'ring', errno: GARBAGE });
  } catch (error) {
    folder.unreadable.push({ attribute: 'ring', errno: errorCode(error) });
  }
  return null;
}

// SPDX-License-Identifier: MIT
//
// The text of every sysfs attribute of a device, a channel and a UIO device, as Linux 6.12 and later print it. Pure.
// Called by: local/device.ts. Source: drivers/hv/vmbus_drv.c, drivers/uio/uio.c, Documentation/ABI/stable/sysfs-bus-vmbus.
//
// Where the kernel answers a read with EINVAL (ring attributes of a channel that was never opened) the text is empty:
// a regular file has no way to fail.

import { type Guid, guidToBytes } from '../../guid.js';
import { Inspect } from '../../native/binding.js';

/** A device, as far as its attributes show it. */
export interface DeviceFacts {
  readonly guid: Guid;
  readonly classGuid: Guid;
  readonly deviceIndex: number;
  readonly relid: number;
  /** 2 idle, 3 open. */
  readonly state: number;
  readonly monitorId: number | null;
  /** Relid and CPU, primary first. */
  readonly cpuMap: readonly { readonly relid: number; readonly cpu: number }[];
}

/** A channel, as far as its attributes show it. */
export interface ChannelFacts {
  readonly subchannelIndex: number;
  readonly monitorId: number | null;
  readonly interrupts: number;
  readonly events: number;
}

/** What the host's end of a ring pair shows (`inspectChannel`); null before the first open. */
export type RingFacts = Float64Array | null;

/** File name to text. */
export type Texts = Record<string, string>;

/** `vmbus:` and the bytes of the class GUID as they are in memory. */
export function modalias(classGuid: Guid): string {
  return `vmbus:${Buffer.from(guidToBytes(classGuid)).toString('hex')}`;
}

/** Attributes of a device, without `driver_override`. */
export function deviceTexts(device: DeviceFacts, ring: RingFacts): Texts {
  return {
    id: `${device.relid}\n`,
    state: `${device.state}\n`,
    class_id: `{${device.classGuid}}\n`,
    device_id: `{${device.guid}}\n`,
    modalias: `${modalias(device.classGuid)}\n`,
    vendor: '0x1414\n',
    device: `0x${device.deviceIndex.toString(16)}\n`,
    numa_node: '0\n',
    channel_vp_mapping: device.cpuMap.map(({ relid, cpu }) => `${relid}:${cpu}\n`).join(''),
    ...deviceMonitorTexts(device.monitorId),
    ...deviceRingTexts(ring),
  };
}

function deviceMonitorTexts(monitorId: number | null): Texts {
  if (monitorId === null) return {};
  const texts: Texts = { monitor_id: `${monitorId}\n` };
  for (const page of ['server', 'client']) {
    for (const field of ['pending', 'latency', 'conn_id']) texts[`${page}_monitor_${field}`] = '0\n';
  }
  return texts;
}

/** The guest's `out` ring is the one that the host's end reads. */
function deviceRingTexts(facts: RingFacts): Texts {
  const names = ['intr_mask', 'read_index', 'write_index', 'read_bytes_avail', 'write_bytes_avail'];
  if (!facts) return Object.fromEntries(['out', 'in'].flatMap((ring) => names.map((name) => [`${ring}_${name}`, ''])));
  const out = side(facts, Inspect.inWrite, Inspect.inRead, Inspect.inMask);
  const into = side(facts, Inspect.outWrite, Inspect.outRead, Inspect.outMask);
  const texts = (prefix: string, shown: Side): Texts => ({
    [`${prefix}_intr_mask`]: `${shown.mask}\n`,
    [`${prefix}_read_index`]: `${shown.read}\n`,
    [`${prefix}_write_index`]: `${shown.write}\n`,
    [`${prefix}_read_bytes_avail`]: `${shown.used}\n`,
    [`${prefix}_write_bytes_avail`]: `${shown.free}\n`,
  });
  return { ...texts('out', out), ...texts('in', into) };
}

/** Attributes of a channel, without `cpu` and `ring`. */
export function channelTexts(channel: ChannelFacts, ring: RingFacts): Texts {
  const out = ring && side(ring, Inspect.inWrite, Inspect.inRead, Inspect.inMask);
  const into = ring && side(ring, Inspect.outWrite, Inspect.outRead, Inspect.outMask);
  const texts: Texts = {
    out_mask: out ? `${out.mask}\n` : '',
    in_mask: into ? `${into.mask}\n` : '',
    read_avail: into ? `${into.used}\n` : '',
    write_avail: out ? `${out.free}\n` : '',
    interrupts: `${channel.interrupts}\n`,
    events: `${channel.events}\n`,
    subchannel_id: `${channel.subchannelIndex}\n`,
  };
  for (const name of ['intr_in_full', 'intr_out_empty', 'out_full_first', 'out_full_total']) texts[name] = '0\n';
  if (channel.monitorId === null) return texts;
  return { ...texts, monitor_id: `${channel.monitorId}\n`, pending: '0\n', latency: '0\n' };
}

/** Memory that a UIO device shows. */
export interface UioMap {
  readonly name: string;
  readonly size: number;
  readonly addr: number;
}

/** The maps of a device: both rings, the pages that all devices share, and its buffers where it has them. */
export function uioMaps(
  pairBytes: number,
  buffers: { readonly receive: UioBuffer; readonly send: UioBuffer } | null,
): readonly UioMap[] {
  const maps = [
    { name: 'txrx_rings', size: pairBytes, addr: 0x1_0000_0000 },
    { name: 'int_page', size: 4096, addr: 0x2_0000_0000 },
    { name: 'monitor_page', size: 4096, addr: 0x2_0000_1000 },
  ];
  if (buffers === null) return maps;
  const { receive, send } = buffers;
  return [
    ...maps,
    { name: `recv:${receive.gpadl}`, size: receive.sizeBytes, addr: 0x3_0000_0000 },
    { name: `send:${send.gpadl}`, size: send.sizeBytes, addr: 0x4_0000_0000 },
  ];
}

interface UioBuffer {
  readonly gpadl: number;
  readonly sizeBytes: number;
}

/** Attributes of a UIO device, by path below its folder. */
export function uioTexts(minor: number, maps: readonly UioMap[], event: number): Texts {
  const texts: Texts = {
    name: 'uio_hv_generic\n',
    version: '0.02.1\n',
    event: `${event}\n`,
    dev: `${uioMajor}:${minor}\n`,
    uevent: `MAJOR=${uioMajor}\nMINOR=${minor}\nDEVNAME=uio${minor}\n`,
  };
  maps.forEach((map, index) => {
    texts[`maps/map${index}/name`] = `${map.name}\n`;
    texts[`maps/map${index}/addr`] = `${wideHex(map.addr)}\n`;
    texts[`maps/map${index}/size`] = `${wideHex(map.size)}\n`;
    texts[`maps/map${index}/offset`] = '0x0\n';
  });
  return texts;
}

/** Major number of UIO devices: the kernel takes a free one, this is what it usually finds. */
export const uioMajor = 243;

interface Side {
  readonly mask: number;
  readonly read: number;
  readonly write: number;
  readonly used: number;
  readonly free: number;
}

function side(ring: Float64Array, write: number, read: number, mask: number): Side {
  const bytes = ring[Inspect.dataBytes] ?? 0;
  const w = ring[write] ?? 0;
  const r = ring[read] ?? 0;
  const used = w >= r ? w - r : bytes - r + w;
  return { mask: ring[mask] ?? 0, read: r, write: w, used, free: bytes - used };
}

function wideHex(value: number): string {
  return `0x${value.toString(16).padStart(16, '0')}`;
}

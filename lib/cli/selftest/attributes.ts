// SPDX-License-Identifier: MIT
//
// Whether devices and channels have the attributes that kernels document, and no others: where a real guest differs from
// what this package was built against, it shows here first.
// Source: Documentation/ABI/stable/sysfs-bus-vmbus of the Linux kernel.

import { readdirSync } from 'node:fs';
import type { Bus, Device } from '../../index.js';
import type { Probe } from './types.js';

const ofDevice = [
  'id',
  'state',
  'class_id',
  'device_id',
  'modalias',
  'vendor',
  'device',
  'channel_vp_mapping',
  'driver_override',
  'out_intr_mask',
  'out_read_index',
  'out_write_index',
  'out_read_bytes_avail',
  'out_write_bytes_avail',
  'in_intr_mask',
  'in_read_index',
  'in_write_index',
  'in_read_bytes_avail',
  'in_write_bytes_avail',
];
const ofChannel = [
  'cpu',
  'out_mask',
  'in_mask',
  'read_avail',
  'write_avail',
  'interrupts',
  'events',
  'subchannel_id',
  'intr_in_full',
  'intr_out_empty',
  'out_full_first',
  'out_full_total',
];
const onlySomeDevices = [
  'numa_node',
  'monitor_id',
  'server_monitor_pending',
  'server_monitor_latency',
  'server_monitor_conn_id',
  'client_monitor_pending',
  'client_monitor_latency',
  'client_monitor_conn_id',
];
const onlySomeChannels = ['monitor_id', 'pending', 'latency', 'ring'];
/** Links and folders of every device in sysfs, whatever its bus. */
const ofSysfs = ['uevent', 'power', 'subsystem', 'driver', 'channels', 'firmware_node', 'waiting_for_supplier'];

/** Probes the attributes of every device and channel. */
export function probeAttributes(bus: Bus): Probe[] {
  const devices = bus.devices();
  const channels = devices.flatMap((device) => device.channels.map(({ path, unreadable }) => ({ path, unreadable })));
  return [
    compare('device.attributes', devices, { expected: ofDevice, known: [...onlySomeDevices, ...ofSysfs] }),
    compare('channel.attributes', channels, { expected: ofChannel, known: [...onlySomeChannels, 'uevent', 'power'] }),
  ];
}

interface Expectation {
  readonly expected: readonly string[];
  readonly known: readonly string[];
}

/** Folders that drivers make below a device are named by their subsystem, and are no attributes. */
function compare(
  id: string,
  entries: readonly Pick<Device, 'path' | 'unreadable'>[],
  { expected, known }: Expectation,
): Probe {
  const missing = new Map<string, number>();
  const extra = new Map<string, number>();
  for (const { path } of entries) {
    const files = listing(path);
    const names = files.map(({ name }) => name);
    for (const name of expected.filter((wanted) => !names.includes(wanted))) count(missing, name);
    for (const { name, isFile } of files)
      if (isFile && !expected.includes(name) && !known.includes(name)) count(extra, name);
  }
  const unreadable = entries.flatMap((entry) =>
    entry.unreadable.map(({ attribute, errno }) => `${attribute}: ${errno}`),
  );
  const facts = {
    seen: entries.length,
    missing: Object.fromEntries(missing),
    extra: Object.fromEntries(extra),
    unreadable: [...new Set(unreadable)].sort(),
  };
  if (entries.length === 0) return { id, status: 'skip', detail: 'there are none to look at' };
  if (missing.size === 0 && extra.size === 0)
    return { id, status: 'pass', detail: `all ${expected.length} on each of ${entries.length}`, facts };
  const words = [...missing.keys()].map((name) => `no ${name}`).concat([...extra.keys()].map((name) => `also ${name}`));
  return { id, status: 'differs', detail: words.join(', '), facts };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function listing(path: string): { readonly name: string; readonly isFile: boolean }[] {
  try {
    return readdirSync(path, { withFileTypes: true }).map((entry) => ({ name: entry.name, isFile: entry.isFile() }));
  } catch {
    return [];
  }
}

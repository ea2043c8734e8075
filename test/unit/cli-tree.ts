// SPDX-License-Identifier: MIT
//
// Folders that look like a guest's /sys/bus/vmbus, for tests of what the command prints.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** One device of a tree. */
export interface TreeDevice {
  readonly id: string;
  readonly classId: string;
  readonly driver?: string;
  /** 2 = idle, 3 = open. */
  readonly state?: number;
  /** Relids of the channels, primary first, and the CPU of each. */
  readonly channels: readonly { readonly relid: number; readonly cpu: number; readonly interrupts?: number }[];
  /** Folders below the device: `net/eth0`. */
  readonly children?: readonly string[];
}

/** The class GUIDs used in tests. */
export const classes = {
  net: 'f8615163-df3e-46c5-913f-f2d2f965ed0e',
  scsi: 'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f',
  heartbeat: '57164f39-9115-4e78-ab55-382f3bd5422d',
  keyboard: 'f912ad6d-2b17-48ea-bd65-f927a61c7684',
  avma: 'f8e65716-3cb3-4a06-9a60-1889c5cccab5',
} as const;

/** A small generation 2 guest: a NIC with five channels, a disk, a heartbeat nobody drives, and a reserved device. */
export const smallGuest: readonly TreeDevice[] = [
  {
    id: '1e3f7a60-6c1d-4f0e-9a57-000000000001',
    classId: classes.net,
    driver: 'hv_netvsc',
    state: 3,
    children: ['net/eth0'],
    channels: [0, 1, 2, 3, 0].map((cpu, i) => ({ relid: 14 + i, cpu, interrupts: 1000 * (i + 1) })),
  },
  {
    id: '2e3f7a60-6c1d-4f0e-9a57-000000000002',
    classId: classes.scsi,
    driver: 'hv_storvsc',
    state: 3,
    children: ['host0/target0:0:0/0:0:0:0/block/sda'],
    channels: [{ relid: 9, cpu: 2, interrupts: 123456 }],
  },
  {
    id: '3e3f7a60-6c1d-4f0e-9a57-000000000003',
    classId: classes.heartbeat,
    state: 2,
    channels: [{ relid: 3, cpu: 0 }],
  },
  { id: '4e3f7a60-6c1d-4f0e-9a57-000000000004', classId: classes.avma, state: 2, channels: [{ relid: 5, cpu: 0 }] },
];

/** Writes a tree into a new temporary folder and answers its path; `remove` deletes it. */
export function writeTree(devices: readonly TreeDevice[]): { readonly root: string; remove(): void } {
  const root = mkdtempSync(path.join(tmpdir(), 'hv-tree-'));
  const bus = path.join(root, 'sys/bus/vmbus');
  mkdirSync(path.join(bus, 'devices'), { recursive: true });
  writeFileSync(path.join(bus, 'hibernation'), '0\n');
  for (const device of devices) writeDevice(root, bus, device);
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}

function writeDevice(root: string, bus: string, device: TreeDevice): void {
  const folder = path.join(root, 'sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00', device.id);
  const attributes: Record<string, string> = {
    id: String(device.channels[0]?.relid ?? -1),
    state: String(device.state ?? 2),
    class_id: `{${device.classId}}`,
    device_id: `{${device.id}}`,
    modalias: `vmbus:${device.classId.replaceAll('-', '')}`,
    vendor: '0x1414',
    device: '0x10',
    numa_node: '0',
    channel_vp_mapping: device.channels.map(({ relid, cpu }) => `${relid}:${cpu}`).join('\n'),
    driver_override: '(null)',
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, value] of Object.entries(attributes)) writeFileSync(path.join(folder, name), `${value}\n`);
  for (const [i, channel] of device.channels.entries()) {
    writeChannel(path.join(folder, 'channels', String(channel.relid)), channel, i);
  }
  for (const child of device.children ?? []) mkdirSync(path.join(folder, child), { recursive: true });
  link(folder, path.join(bus, 'devices', device.id));
  if (!device.driver) return;
  const driver = path.join(bus, 'drivers', device.driver);
  mkdirSync(driver, { recursive: true });
  link(driver, path.join(folder, 'driver'));
}

/** Links of sysfs are relative, so that a tree can be carried elsewhere. */
function link(target: string, from: string): void {
  symlinkSync(path.relative(path.dirname(from), target), from);
}

function writeChannel(folder: string, channel: TreeDevice['channels'][number], index: number): void {
  const attributes: Record<string, string> = {
    cpu: String(channel.cpu),
    subchannel_id: String(index),
    interrupts: String(channel.interrupts ?? 0),
    events: '7',
    read_avail: '0',
    write_avail: '1048576',
    in_mask: '0',
    out_mask: '0',
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, value] of Object.entries(attributes)) writeFileSync(path.join(folder, name), `${value}\n`);
}

// SPDX-License-Identifier: MIT
//
// The device classes of VMBus: what each GUID is called, who drives it, and how the kernel treats it.
// Called by lib/bus (naming what it finds) and lib/host (offering devices).
// Source: include/linux/hyperv.h and drivers/hv/channel_mgmt.c (vmbus_devs) of the Linux kernel; titles from tools/hv/lsvmbus.

import type { Guid } from '../guid.js';

/** What class a device is of. */
export interface DeviceClass {
  readonly guid: Guid;
  /** Short name for commands: `net`, `scsi`, `ide`, `balloon`, `kvp`, `echo`, …; `unknown`. */
  readonly name: string;
  /** Human name, as lsvmbus has it. */
  readonly title: string;
  /** The kernel driver made for it, null for none. */
  readonly nativeDriver: string | null;
  /** Every kernel driver made for it, of all kernel versions, today's first. */
  readonly nativeDrivers: readonly string[];
  /** Class index, the `device` attribute of sysfs; 0x10 for every class that the kernel has no number for. */
  readonly deviceIndex: number;
  /** Offered to confidential guests (pass-through PCI: since Linux 6.12). */
  readonly inConfidentialVm: boolean;
  /** Spread over CPUs by the kernel, instead of living on CPU 0. */
  readonly performance: boolean;
}

/** Class index of classes that have none of their own. */
export const UNKNOWN_INDEX = 0x10;

type Trait = 'performance' | 'confidential';

function entry(
  guid: string,
  name: string,
  title: string,
  deviceIndex: number,
  drivers: readonly string[],
  ...traits: readonly Trait[]
): DeviceClass {
  return Object.freeze({
    guid: guid as Guid,
    name,
    title,
    nativeDriver: drivers[0] ?? null,
    nativeDrivers: Object.freeze([...drivers]),
    deviceIndex,
    inConfidentialVm: traits.includes('confidential'),
    performance: traits.includes('performance'),
  });
}

/** Every class known by name, in the order of the class index. */
export const deviceClasses: readonly DeviceClass[] = Object.freeze([
  entry('32412632-86cb-44a2-9b5c-50d1417354f5', 'ide', 'Synthetic IDE Controller', 0x0, ['hv_storvsc'], 'performance'),
  entry(
    'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f',
    'scsi',
    'Synthetic SCSI Controller',
    0x1,
    ['hv_storvsc'],
    'performance',
    'confidential',
  ),
  entry(
    '2f9bcc4a-0069-4af3-b76b-6fd0be528cda',
    'fc',
    'Synthetic fiber channel adapter',
    0x2,
    ['hv_storvsc'],
    'performance',
  ),
  entry(
    'f8615163-df3e-46c5-913f-f2d2f965ed0e',
    'net',
    'Synthetic network adapter',
    0x3,
    ['hv_netvsc'],
    'performance',
    'confidential',
  ),
  entry('8c2eaf3d-32a7-4b09-ab99-bd1f1c86b501', 'rdma', 'Synthetic RDMA adapter', 0x4, [], 'performance'),
  entry('44c4f61d-4444-4400-9d52-802e27ede19f', 'pci', 'PCI Express pass-through', 0x5, ['hv_pci'], 'confidential'),
  entry('da0a7802-e377-4aac-8e77-0558eb1073f8', 'video', 'Synthetic framebuffer adapter', 0x6, [
    'hyperv_drm',
    'hyperv_fb',
  ]),
  entry('f912ad6d-2b17-48ea-bd65-f927a61c7684', 'keyboard', 'Synthetic keyboard', 0x7, ['hyperv_keyboard']),
  entry('cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a', 'mouse', 'Synthetic mouse', 0x8, ['hid_hyperv']),
  entry('a9a0f4e7-5a45-4d96-b827-8a841e8c03e6', 'kvp', '[Data Exchange]', 0x9, ['hv_utils']),
  entry(
    '9527e630-d0ae-497b-adce-e80ab0175caf',
    'timesync',
    '[Time Synchronization]',
    0xa,
    ['hv_utils'],
    'confidential',
  ),
  entry('57164f39-9115-4e78-ab55-382f3bd5422d', 'heartbeat', '[Heartbeat]', 0xb, ['hv_utils'], 'confidential'),
  entry(
    '0e0b6031-5213-4934-818b-38d90ced39db',
    'shutdown',
    '[Operating system shutdown]',
    0xc,
    ['hv_utils'],
    'confidential',
  ),
  entry('34d14be3-dee4-41c8-9ae7-6b174977c192', 'fcopy', '[Guest services]', 0xd, ['uio_hv_generic', 'hv_utils']),
  entry('35fa2e29-ea23-4236-96ae-3a6ebacba440', 'vss', '[Backup (volume checkpoint)]', 0xe, ['hv_utils']),
  entry('525074dc-8985-46e2-8057-a307dc18a502', 'balloon', '[Dynamic memory]', 0xf, ['hv_balloon']),
  entry('f8e65716-3cb3-4a06-9a60-1889c5cccab5', 'avma1', '[Reserved system device]', UNKNOWN_INDEX, []),
  entry('3375baf4-9e15-4b30-b765-67acb10d607b', 'avma2', '[Reserved system device]', UNKNOWN_INDEX, []),
  entry('276aacf4-ac15-426c-98dd-7521ad3f01fe', 'rdv', '[Reserved system device]', UNKNOWN_INDEX, []),
  entry('c376c1c3-d276-48d2-90a9-c04748072c60', 'imc', '[Initial machine configuration]', UNKNOWN_INDEX, []),
  // Ours: no Hyper-V host offers it, the simulated host does.
  entry('6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f5', 'echo', 'Echo (simulated host)', UNKNOWN_INDEX, []),
]);

const byGuid: ReadonlyMap<string, DeviceClass> = new Map(deviceClasses.map((entry) => [entry.guid, entry]));
const byName: ReadonlyMap<string, DeviceClass> = new Map(deviceClasses.map((entry) => [entry.name, entry]));

/** The class of a GUID; one named `unknown` for a GUID that is not in the table. */
export function classOfGuid(guid: Guid): DeviceClass {
  return byGuid.get(guid) ?? entry(guid, 'unknown', 'Unknown', UNKNOWN_INDEX, []);
}

/** The class of a short name, undefined where there is none. */
export function classOfName(name: string): DeviceClass | undefined {
  return byName.get(name);
}

// SPDX-License-Identifier: MIT
//
// What each class of device is for, in the words of somebody who uses the guest.

import type { DeviceClass } from '../../index.js';

const purposes: Readonly<Record<string, string>> = {
  ide: 'disks of a generation 1 machine',
  scsi: 'disks and DVD drives on the SCSI controller',
  fc: 'Fibre Channel storage of the host',
  net: 'a network adapter',
  rdma: 'remote memory access for HPC networks',
  pci: 'a PCI device of the host, passed through',
  video: 'the screen that the host shows',
  keyboard: "the keyboard of the host's window",
  mouse: "the mouse of the host's window",
  kvp: 'key-value pairs: host name, IP addresses, your own data',
  timesync: "the host's clock",
  heartbeat: 'tells the host that the guest lives',
  shutdown: 'lets the host shut the guest down cleanly',
  fcopy: 'takes files from the host (Copy-VMFile)',
  vss: 'freezes file systems for backups',
  balloon: 'dynamic memory: takes and gives back RAM',
  avma1: 'Windows activation; Linux has no use for it',
  avma2: 'Windows activation; Linux has no use for it',
  rdv: 'remote desktop virtualisation; Linux has no use for it',
  imc: 'initial configuration of Windows; Linux has no use for it',
  echo: 'sends every packet back (simulated hosts only)',
};

/** A phrase about a class. */
export function purposeOf({ name }: DeviceClass): string {
  return purposes[name] ?? 'unknown to this tool';
}

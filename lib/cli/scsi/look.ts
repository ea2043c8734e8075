// SPDX-License-Identifier: MIT
//
// `hv scsi ls`, `inquiry` and `capacity`: what is on a controller.

import { type PartitionTable, type StorageDisk, type StorageUnit, VmbusError } from '../../index.js';
import type { Context } from '../context.js';
import { bytes, grouped } from '../figures.js';
import { harmless } from '../harmless.js';
import { renderTable } from '../table.js';
import { diskOf, openController } from './open-controller.js';

const types: Readonly<Record<number, string>> = { 0: 'disk', 1: 'tape', 5: 'optical', 12: 'array', 13: 'enclosure' };

/** What one disk may do wrong while its controller is well. */
const failuresOfDisk: ReadonlySet<string> = new Set(['ERR_VMBUS_SCSI', 'ERR_VMBUS_TIMEOUT', 'ERR_VMBUS_NO_DEVICE']);

interface LunOptions {
  readonly lun?: number;
}

/** Runs `hv scsi ls`. */
export async function list(context: Context, name: string): Promise<void> {
  const { device, storage } = await openController(context, name);
  const { out } = context;
  const disks = new Map(storage.disks().map((disk) => [disk.lun, disk]));
  if (out.json) {
    const { kind, version, maxTransferBytes, memory } = storage.inspect();
    const units = await Promise.all(storage.units().map((unit) => listed(context, unit, disks.get(unit.lun))));
    out.document('vmbus.scsi.units/1', { device: device.id, kind, version, maxTransferBytes, memory, units });
    return;
  }
  const rows = storage.units().map((unit) => {
    const disk = disks.get(unit.lun);
    const size = disk ? bytes(Number(disk.sizeBytes)) : '';
    const what = types[unit.deviceType] ?? `type ${unit.deviceType}`;
    const model = harmless(`${unit.vendor} ${unit.product}`);
    const access = disk?.isWriteProtected ? 'protected' : '';
    return [
      String(unit.lun),
      what,
      model,
      size,
      disk ? String(disk.blockBytes) : '',
      harmless(disk?.serial ?? ''),
      access,
    ];
  });
  const columns = [
    { title: 'LUN', align: 'right' },
    { title: 'TYPE' },
    { title: 'MODEL' },
    { title: 'SIZE', align: 'right' },
    { title: 'BLOCK', align: 'right' },
    { title: 'SERIAL' },
    { title: 'ACCESS' },
  ] as const;
  if (rows.length === 0) out.note(`nothing is on ${device.class.name} ${device.id}`);
  else out.line(renderTable(columns, rows, out.paint));
  await listPartitions(context, storage.disks());
}

/** The partitions of all disks, and what is wrong with their tables. */
async function listPartitions({ out, signal }: Context, disks: readonly StorageDisk[]): Promise<void> {
  const rows: string[][] = [];
  for (const disk of disks) {
    const table = await tableOf(disk, signal);
    if ('partitionProblem' in table) {
      out.note(`LUN ${disk.lun}: its partition table can't be read: ${table.partitionProblem}`);
      continue;
    }
    const { kind, partitions, problems } = table.partitionTable;
    for (const { number, startBytes, sizeBytes, type, name } of partitions) {
      const size = bytes(Number(sizeBytes));
      rows.push([String(disk.lun), String(number), grouped(startBytes), size, kind, type, harmless(name)]);
    }
    for (const problem of problems) out.note(`LUN ${disk.lun}: ${problem}`);
  }
  const columns = [
    { title: 'LUN', align: 'right' },
    { title: 'PART', align: 'right' },
    { title: 'START', align: 'right' },
    { title: 'SIZE', align: 'right' },
    { title: 'TABLE' },
    { title: 'TYPE' },
    { title: 'NAME' },
  ] as const;
  if (rows.length > 0) out.line(`\n${renderTable(columns, rows, out.paint)}`);
}

async function listed(
  { signal }: Context,
  unit: StorageUnit,
  disk: StorageDisk | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  return { ...unitJson(unit, disk), ...(disk ? await tableOf(disk, signal) : {}) };
}

/** Its partition table; where the disk itself fails to give it, why: the other disks are worth showing. */
async function tableOf(
  disk: StorageDisk,
  signal: AbortSignal,
): Promise<{ partitionTable: PartitionTable } | { partitionTable: null; partitionProblem: string }> {
  try {
    return { partitionTable: await disk.partitions({ signal }) };
  } catch (error) {
    if (!VmbusError.is(error) || !failuresOfDisk.has(error.code)) throw error;
    return { partitionTable: null, partitionProblem: error.message };
  }
}

/** Runs `hv scsi inquiry`. */
export async function inquiry(context: Context, name: string, { lun }: LunOptions): Promise<void> {
  const open = await openController(context, name);
  const { out } = context;
  const disk = await diskOf(open, lun);
  if (out.json) {
    out.document('vmbus.scsi.unit/1', { device: open.device.id, ...unitJson(disk.unit, disk) });
    return;
  }
  const rows = [
    ['vendor', disk.unit.vendor],
    ['product', disk.unit.product],
    ['revision', disk.unit.revision],
    ['serial', disk.serial ?? '-'],
    ['write-protected', disk.isWriteProtected ? 'yes' : 'no'],
  ] as const;
  for (const [title, value] of rows) out.line(`${title.padEnd(17)}${harmless(value)}`);
}

/** Runs `hv scsi capacity`. */
export async function capacity(context: Context, name: string, { lun }: LunOptions): Promise<void> {
  const open = await openController(context, name);
  const { out } = context;
  const disk = await diskOf(open, lun);
  const { sizeBytes, blockBytes } = disk;
  const blocks = sizeBytes / BigInt(blockBytes);
  if (out.json) {
    out.document('vmbus.scsi.capacity/1', { device: open.device.id, lun: disk.lun, sizeBytes, blockBytes, blocks });
    return;
  }
  out.line(`${grouped(sizeBytes)} bytes: ${grouped(blocks)} blocks of ${blockBytes}`);
}

function unitJson(unit: StorageUnit, disk: StorageDisk | undefined): Readonly<Record<string, unknown>> {
  const type = types[unit.deviceType] ?? null;
  if (!disk) return { ...unit, type };
  const { serial, sizeBytes, blockBytes, isWriteProtected } = disk;
  return { ...unit, type, serial, sizeBytes, blockBytes, isWriteProtected };
}

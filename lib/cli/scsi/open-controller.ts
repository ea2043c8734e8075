// SPDX-License-Identifier: MIT
//
// Opens the storage controller a command names, and finds the disk that it means.

import type { Device, StorageController, StorageDisk, StorageOptions } from '../../index.js';
import type { Context } from '../context.js';
import { lentDevice } from '../lent-device.js';

/** An open controller and its device. */
export interface OpenController {
  readonly device: Device;
  readonly storage: StorageController;
}

/** Opens a controller; it is closed at the end of the command, and with Ctrl-C. */
export async function openController(
  context: Context,
  name: string,
  options: StorageOptions = {},
): Promise<OpenController> {
  const { openStorage } = await import('../../index.js');
  const device = await lentDevice(context, name);
  const storage = await openStorage(device, { signal: context.signal, ...options });
  context.defer(() => storage.close());
  return { device, storage };
}

/** The disk that a command means: by its LUN, or the only one. @throws VmbusError ERR_VMBUS_NO_DEVICE; UsageError */
export async function diskOf({ storage }: OpenController, lun: number | undefined): Promise<StorageDisk> {
  const disks = storage.disks();
  const [only, ...others] = disks;
  if (lun !== undefined || !only) return storage.disk(lun);
  if (others.length === 0) return only;
  const { UsageError } = await import('../usage-error.js');
  throw new UsageError(`which disk? There are LUNs ${disks.map((disk) => disk.lun).join(', ')}`, 'say --lun N');
}

/** `LUN 0 (Msft Virtual Disk, 1,073,741,824 bytes)` */
export function diskText({ lun, unit, sizeBytes }: StorageDisk): string {
  return `LUN ${lun} (${unit.vendor} ${unit.product}, ${String(sizeBytes).replace(/\B(?=(\d{3})+$)/g, ',')} bytes)`;
}

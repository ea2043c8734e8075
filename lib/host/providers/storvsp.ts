// SPDX-License-Identifier: MIT
//
// Storage devices: a SCSI controller, and the accelerator of an IDE disk.
// Called by: scripts, by-name.ts. What they do is storvsp/controller.ts and the files that it calls.
// Source: drivers/scsi/storvsc_drv.c of the Linux kernel.

import { checkInteger } from '../../check.js';
import { invalidType, invalidValue } from '../../errors.js';
import { parseGuid } from '../../guid.js';
import { ideClass, ideInstanceGuid, ideUserData, StorageVersion, scsiClass } from '../../protocol/storvsc.js';
import { checkProviderOptions } from './provider-options.js';
import { diskOptions, type UnitOptions } from './storvsp/disk-choice.js';
import { StorageDevice } from './storvsp/storage-device.js';
import type { IdeOptions, ScsiOptions, ScsiProvider, StorageProvider } from './storvsp/types.js';

const common = ['newestVersion', 'monitorId', 'ringBytes', 'name'] as const;
const mostSubchannels = 64;
const enumerateFlag = 0x1;

/** Names of the options of {@link scsi}. */
export const scsiOptions: readonly (keyof ScsiOptions)[] = [
  ...diskOptions,
  'disks',
  'subchannels',
  'instanceGuid',
  ...common,
];

/** Names of the options of {@link ide}. */
export const ideOptions: readonly (keyof IdeOptions)[] = [
  ...diskOptions,
  'disk',
  'channel',
  'device',
  'serial',
  ...common,
];

/**
 * A SCSI controller. Needs a guest whose memory the host can reach: a kernel, or a script with `openStorage()`.
 * @throws TypeError, RangeError for options that make no sense; VmbusError for a file that cannot be a disk
 * @example
 * const large = memoryDisk({ sizeBytes: 2 ** 40 });
 * const controller = scsi({ disks: [large, { file: 'data.img', readonly: true, lun: 7 }], subchannels: 2 });
 * // and at any time:
 * const bad = faultyDisk(memoryDisk({ sizeBytes: 2 ** 20 }), { badBlocks: [{ firstBlock: 8, on: 'read' }] });
 * const lun = controller.add(bad);
 * await controller.resize(0, 2 ** 41);
 * await controller.remove(lun);
 */
export function scsi(options: ScsiOptions = {}): ScsiProvider {
  checkProviderOptions(options, scsiOptions);
  const { disks, subchannels = 0, instanceGuid } = options;
  checkInteger(subchannels, 'options.subchannels', 0, mostSubchannels);
  if (disks !== undefined && !Array.isArray(disks)) throw invalidType('options.disks', 'an array of disks', disks);
  const device = new StorageDevice({
    name: options.name ?? 'scsi',
    classGuid: scsiClass,
    newestVersion: newestVersionOf(options),
    maxSubchannels: subchannels,
    instanceGuid: instanceGuid === undefined ? undefined : parseGuid(instanceGuid, 'instanceGuid'),
    monitorId: options.monitorId,
    ringBytes: options.ringBytes,
    isHome: ({ path, target }) => path === 0 && target === 0,
  });
  const named = diskIn(options, disks && 'disks');
  if (disks === undefined) device.put(named, 'options');
  else for (const [i, disk] of disks.entries()) device.put(disk, `options.disks[${i}]`);
  return device;
}

/**
 * The accelerator of an IDE disk: one disk, at a place that its GUID tells. Needs a guest whose memory the host can reach.
 * @throws TypeError, RangeError for options that make no sense; VmbusError for a file that cannot be a disk
 * @example
 * const disk = ide({ file: 'disk.img', channel: 0, device: 1 });
 */
export function ide(options: IdeOptions = {}): StorageProvider {
  checkProviderOptions(options, ideOptions);
  const { disk, serial, channel = 0, device: position = 0 } = options;
  checkInteger(channel, 'options.channel', 0, 1);
  checkInteger(position, 'options.device', 0, 1);
  const place = { channel, device: position };
  const device = new StorageDevice({
    name: options.name ?? 'ide',
    classGuid: ideClass,
    newestVersion: newestVersionOf(options),
    maxSubchannels: 0,
    instanceGuid: ideInstanceGuid(place),
    monitorId: options.monitorId,
    ringBytes: options.ringBytes,
    offer: { flags: enumerateFlag, userData: ideUserData(place) },
    // Guests say path 0, whatever the channel is.
    isHome: ({ target }) => target === position,
  });
  const named = diskIn(options, disk && 'disk');
  device.put({ ...named, lun: 0, ...(disk ? { disk } : {}), ...(serial === undefined ? {} : { serial }) }, 'options');
  return device;
}

/** The options that name a disk; none may stand beside the option `instead`. */
function diskIn(options: ScsiOptions | IdeOptions, instead: string | undefined): UnitOptions {
  const named = Object.fromEntries(
    diskOptions.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
  const [first] = Object.keys(named);
  if (instead !== undefined && first !== undefined)
    throw invalidValue('options', `has ${instead}, so it cannot name another disk as well`, first);
  return named;
}

function newestVersionOf({ newestVersion = StorageVersion.win10 }: ScsiOptions | IdeOptions): number {
  checkInteger(newestVersion, 'options.newestVersion', StorageVersion.win6, 0xffff);
  return newestVersion;
}

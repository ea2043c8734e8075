// SPDX-License-Identifier: MIT
//
// Checks what a script passes to storage.
// Called by: storvsc.ts, disk.ts and streams.ts.

import { checkFlag, checkInteger, checkLimits, checkObject, checkOptionNames } from '../../check.js';
import { invalidType, invalidValue, outOfRange } from '../../errors.js';
import { ScsiOpcode } from '../../protocol/scsi/numbers.js';
import { ideClass, mostCdbBytes, scsiClass } from '../../protocol/storvsc.js';
import { checkDevice, type ExpectedClass } from '../channel-of-device.js';
import type { ExecuteOptions, StorageCallOptions, StorageOptions } from './types.js';

/** Options with their defaults. */
export type StorageSettings = StorageOptions &
  Required<Pick<StorageOptions, 'write' | 'channels' | 'queueDepth' | 'maxTransferBytes' | 'timeoutMs'>>;

const scsiController: ExpectedClass = { guid: scsiClass, name: 'a SCSI controller' };
const ideAccelerator: ExpectedClass = { guid: ideClass, name: 'an IDE accelerator' };
const pageBytes = 4096;
const longestMs = 0x7fff_ffff;
const mostTransferBytes = 8 * 2 ** 20;
const limits = ['signal', 'timeoutMs'] as const;

/** Commands that change nothing on a unit, or only how soon it is on the medium. */
const harmless: ReadonlySet<number> = new Set<number>([
  ScsiOpcode.testUnitReady,
  ScsiOpcode.requestSense,
  ScsiOpcode.inquiry,
  ScsiOpcode.modeSense6,
  ScsiOpcode.modeSense10,
  ScsiOpcode.readCapacity10,
  ScsiOpcode.serviceActionIn16,
  ScsiOpcode.reportLuns,
  ScsiOpcode.read6,
  ScsiOpcode.read10,
  ScsiOpcode.read12,
  ScsiOpcode.read16,
  ScsiOpcode.synchronizeCache10,
  ScsiOpcode.synchronizeCache16,
  0x4d, // LOG SENSE
  0x5e, // PERSISTENT RESERVE IN
  0xa3, // MAINTENANCE IN
]);

/** @throws TypeError, RangeError */
export function checkStorage(device: unknown, options: StorageOptions): StorageSettings {
  checkDevice(device, scsiController, ideAccelerator);
  checkOptionNames(options, ['write', 'channels', 'queueDepth', 'maxTransferBytes', 'channel', ...limits]);
  checkFlag(options.write, 'options.write');
  checkLimits({ signal: options.signal });
  if (options.channel !== undefined) checkObject(options.channel, 'options.channel', 'an object');
  const settings = {
    write: false,
    channels: 1,
    queueDepth: 16,
    maxTransferBytes: 256 * 1024,
    timeoutMs: 30_000,
    ...options,
  };
  checkInteger(settings.channels, 'options.channels', 1, 64);
  checkInteger(settings.queueDepth, 'options.queueDepth', 1, 256);
  checkInteger(settings.timeoutMs, 'options.timeoutMs', 1, longestMs);
  checkInteger(settings.maxTransferBytes, 'options.maxTransferBytes', pageBytes, mostTransferBytes);
  if (settings.maxTransferBytes % pageBytes !== 0)
    throw outOfRange('options.maxTransferBytes', `a multiple of ${pageBytes}`, settings.maxTransferBytes);
  return settings;
}

/** @throws TypeError, RangeError */
export function checkExecute(cdb: unknown, options: ExecuteOptions, most: number): void {
  if (!(cdb instanceof Uint8Array)) throw invalidType('cdb', 'a Uint8Array', cdb);
  if (cdb.length < 6 || cdb.length > mostCdbBytes) throw outOfRange('cdb.length', `6 … ${mostCdbBytes}`, cdb.length);
  checkOptionNames(options, ['lun', 'data', 'responseBytes', ...limits]);
  checkLimits(options);
  const { lun = 0, data, responseBytes } = options;
  checkInteger(lun, 'options.lun', 0, 255);
  if (data !== undefined && !(data instanceof Uint8Array)) throw invalidType('options.data', 'a Uint8Array', data);
  if (data !== undefined && data.length > most) throw outOfRange('options.data.length', `at most ${most}`, data.length);
  if (responseBytes === undefined) return;
  checkInteger(responseBytes, 'options.responseBytes', 0, most);
  if (data !== undefined) throw invalidValue('options', 'has data, so no bytes can come back', responseBytes);
}

/** Checks what limits a call on a disk. @throws TypeError, RangeError */
export function checkCall(options: StorageCallOptions): void {
  checkOptionNames(options, limits);
  checkLimits(options);
}

/** Whether a command may be sent to a controller that was opened for reading. */
export function isHarmless(cdb: Uint8Array, options: ExecuteOptions): boolean {
  return options.data === undefined && harmless.has(cdb[0] ?? 0xff);
}

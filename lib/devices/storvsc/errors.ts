// SPDX-License-Identifier: MIT
//
// What a unit or a host answered instead of doing a command, as errors.
// Called by: commands.ts, disk.ts, storvsc.ts.

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { ScsiStatus, SenseKey } from '../../protocol/scsi/numbers.js';
import type { Sense } from '../../protocol/scsi/sense.js';
import { SrbStatus } from '../../protocol/storvsc.js';
import type { ScsiResult } from './types.js';

/** What a command was for. */
export interface CommandName {
  readonly device: Guid;
  readonly lun: number;
  /** `read`, `inquiry`, … */
  readonly command: string;
}

const keyNames: Readonly<Record<number, string>> = {
  [SenseKey.noSense]: 'no sense',
  [SenseKey.recoveredError]: 'recovered error',
  [SenseKey.notReady]: 'not ready',
  [SenseKey.mediumError]: 'medium error',
  [SenseKey.hardwareError]: 'hardware error',
  [SenseKey.illegalRequest]: 'illegal request',
  [SenseKey.unitAttention]: 'unit attention',
  [SenseKey.dataProtect]: 'data protect',
  [SenseKey.abortedCommand]: 'aborted command',
  [SenseKey.miscompare]: 'miscompare',
};

/** `medium error (3/11/00)` */
export function senseText({ key, asc, ascq }: Sense): string {
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return `${keyNames[key] ?? 'sense key'} (${key.toString(16)}/${hex(asc)}/${hex(ascq)})`;
}

/** Whether the host says that no unit is at the address. */
export function isGone({ srbStatus }: ScsiResult): boolean {
  return (
    srbStatus === SrbStatus.invalidLun || srbStatus === SrbStatus.invalidTarget || srbStatus === SrbStatus.noDevice
  );
}

/** The error for a command that was not done. */
export function commandError(name: CommandName, result: ScsiResult): VmbusError {
  const { device, lun, command } = name;
  const { srbStatus, scsiStatus, sense } = result;
  const facts = { lun, command, srbStatus, scsiStatus, sense };
  const place = `LUN ${lun} of device ${device}`;
  if (isGone(result))
    return new VmbusError('ERR_VMBUS_NO_DEVICE', `${command}: there is no ${place} any more`, {
      device,
      facts,
      hint: `hv scsi ls ${device} shows what there is`,
    });
  return new VmbusError('ERR_VMBUS_SCSI', `${command} on ${place} failed: ${reasonOf(result)}`, {
    device,
    facts,
    hint: hintOf(sense, device),
  });
}

/** The error for a read that the host calls done, with less data than it was asked for. */
export function shortError(name: CommandName, wanted: number, got: number): VmbusError {
  const { device, lun, command } = name;
  return new VmbusError(
    'ERR_VMBUS_PROTOCOL',
    `${command} on LUN ${lun} of device ${device} is done, says the host, but moved ${got} of ${wanted} bytes`,
    { device, facts: { service: 'storage', lun, command, wanted, got } },
  );
}

function reasonOf({ srbStatus, scsiStatus, sense }: ScsiResult): string {
  if (sense) return senseText(sense);
  if (scsiStatus === ScsiStatus.busy) return 'the unit is busy';
  if (scsiStatus === ScsiStatus.reservationConflict) return 'another machine has reserved the unit';
  const name = Object.entries(SrbStatus).find(([, value]) => value === srbStatus)?.[0];
  return `SRB status 0x${srbStatus.toString(16)}${name ? ` (${name})` : ''}, SCSI status 0x${scsiStatus.toString(16)}`;
}

function hintOf(sense: Sense | null, device: Guid): string {
  if (sense?.key === SenseKey.dataProtect) return 'the host has the disk write-protected, or its storage is full';
  if (sense?.key === SenseKey.illegalRequest) return 'the unit does not know this command, or not these numbers';
  return `hv scsi ls ${device}; the host's event log says what is wrong with its storage`;
}

/** The error for a command that may change something, where nothing may be. */
export function notHarmless(device: Guid, opcode: number): VmbusError {
  const name = `0x${opcode.toString(16).padStart(2, '0')}`;
  return new VmbusError(
    'ERR_VMBUS_PERMISSION',
    `the command ${name} may change a disk, and ${device} was opened for reading`,
    {
      device,
      facts: { opcode },
      hint: 'openStorage(device, { write: true })',
    },
  );
}

/** The error for a controller whose keeper is gone. */
export function forsakenError(device: Guid): VmbusError {
  return new VmbusError('ERR_VMBUS_SYSTEM', `vmbus-keeper, which guarded the memory of device ${device}, was killed`, {
    device,
    hint: 'open the controller again; a keeper must not be killed',
  });
}

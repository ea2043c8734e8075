// SPDX-License-Identifier: MIT
//
// Commands to addresses without a unit, answered so that a Linux guest believes it: it takes no notice of the status of INQUIRY,
// so the data must say that nothing is there; and a status of "no such unit" for another path makes it remove the unit with
// the same number of the first path.
// Called by: execute.ts.

import type { ScsiCommand } from '../../../protocol/scsi/commands.js';
import { encodeLuns } from '../../../protocol/scsi/lists.js';
import { senses } from '../../../protocol/scsi/sense.js';
import { SrbStatus } from '../../../protocol/storvsc.js';
import type { GuestData } from './guest-data.js';
import { CheckCondition, SrbRefusal } from './refusals.js';
import { inquiryData } from './unit-pages.js';

/** @returns bytes moved. @throws CheckCondition, SrbRefusal */
export async function askNobody(command: ScsiCommand, data: GuestData, isHome: boolean): Promise<number> {
  if (command.kind === 'inquiry') {
    if (command.page !== null) throw new CheckCondition(senses.invalidField);
    return await data.store(inquiryData(false), command.allocationBytes);
  }
  if (isHome) throw new SrbRefusal(SrbStatus.invalidLun);
  throw new CheckCondition(senses.noSuchUnit);
}

/** The list of units, which the target answers, also where it has none. @returns bytes moved */
export async function reportLuns(
  command: Extract<ScsiCommand, { kind: 'reportLuns' }>,
  data: GuestData,
  luns: readonly number[],
): Promise<number> {
  if (command.select > 2) throw new CheckCondition(senses.invalidField);
  // Well-known units, which are all that 1 asks for, there are none.
  const bytes = encodeLuns(command.select === 1 ? [] : luns);
  return command.allocationBytes < 8 ? 0 : await data.store(bytes, command.allocationBytes);
}

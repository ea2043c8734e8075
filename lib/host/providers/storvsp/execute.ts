// SPDX-License-Identifier: MIT
//
// One SCSI request, from its SRB to the reply.
// Called by: storage-session.ts. Calls: unit.ts, absent-unit.ts. Rejects only when the guest's memory or a disk that cannot be
// opened is to blame: then the channel ends.

import type { GpaRange } from '../../../protocol/gpa-direct.js';
import { decodeCdb } from '../../../protocol/scsi/cdb.js';
import type { CdbProblem } from '../../../protocol/scsi/commands.js';
import { ScsiStatus } from '../../../protocol/scsi/numbers.js';
import { encodeSense, type Sense, senses } from '../../../protocol/scsi/sense.js';
import {
  mostCdbBytes,
  type ScsiAddress,
  type Srb,
  SrbFlag,
  type SrbReply,
  SrbStatus,
} from '../../../protocol/storvsc.js';
import type { HostChannel } from '../../types.js';
import { askNobody, reportLuns } from './absent-unit.js';
import { GuestData } from './guest-data.js';
import { CheckCondition, SrbRefusal } from './refusals.js';
import type { Unit } from './unit.js';
import { mostTransferBytes } from './unit-pages.js';

/** Which units there are. */
export interface UnitTable {
  /** Whether units can be at this path and target. */
  isHome(address: ScsiAddress): boolean;
  find(lun: number): Unit | undefined;
  readonly luns: readonly number[];
}

/** Runs a request. `range` holds at least as many bytes as the request says. */
export async function executeSrb(
  units: UnitTable,
  channel: HostChannel,
  srb: Srb,
  range: GpaRange | null,
): Promise<SrbReply> {
  const { path, target, lun } = srb;
  const good = { path, target, lun, srbStatus: SrbStatus.success, scsiStatus: ScsiStatus.good, sense: null };
  try {
    if (srb.cdbLength > mostCdbBytes) throw new SrbRefusal(SrbStatus.invalidRequest);
    if (srb.transferBytes > mostTransferBytes) throw new SrbRefusal(SrbStatus.badLength);
    const data = new GuestData(channel, { direction: srb.direction, transferBytes: srb.transferBytes, range });
    return { ...good, transferBytes: await runCommand(units, srb, data, channel.device) };
  } catch (error) {
    return { ...good, transferBytes: 0, ...refusalOf(error, srb) };
  }
}

async function runCommand(units: UnitTable, srb: Srb, data: GuestData, device: string): Promise<number> {
  const isHome = units.isHome(srb);
  const unit = isHome ? units.find(srb.lun) : undefined;
  const command = decodeCdb(srb.cdb);
  if (command.kind === 'problem') throw refuseProblem(command, unit !== undefined, isHome);
  if (command.kind === 'reportLuns') return await reportLuns(command, data, isHome ? units.luns : []);
  return unit ? await unit.run(command, data, device) : await askNobody(command, data, isHome);
}

function refuseProblem(problem: CdbProblem, hasUnit: boolean, isHome: boolean): CheckCondition | SrbRefusal {
  if (problem.about === 'length') return new SrbRefusal(SrbStatus.invalidRequest);
  if (!hasUnit) return isHome ? new SrbRefusal(SrbStatus.invalidLun) : new CheckCondition(senses.noSuchUnit);
  return new CheckCondition(problem.about === 'field' ? senses.invalidField : senses.invalidOpcode);
}

function refusalOf(error: unknown, srb: Srb): Pick<SrbReply, 'srbStatus' | 'scsiStatus' | 'sense'> {
  if (error instanceof CheckCondition) return checkCondition(error.sense, srb);
  if (!(error instanceof SrbRefusal)) throw error;
  const { srbStatus } = error;
  const isMissing = srbStatus === SrbStatus.invalidLun;
  return { srbStatus, scsiStatus: isMissing ? ScsiStatus.checkCondition : ScsiStatus.good, sense: null };
}

function checkCondition(sense: Sense, srb: Srb): Pick<SrbReply, 'srbStatus' | 'scsiStatus' | 'sense'> {
  const isWanted = (srb.flags & SrbFlag.disableAutosense) === 0;
  return {
    srbStatus: SrbStatus.error,
    scsiStatus: ScsiStatus.checkCondition,
    sense: isWanted ? encodeSense(sense) : null,
  };
}

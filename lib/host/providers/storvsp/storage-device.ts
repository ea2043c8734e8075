// SPDX-License-Identifier: MIT
//
// A storage device as scripts hold it: checks what they pass, and hands it to the controller.
// Called by: storvsp.ts, scripts. Calls: controller.ts.

import { checkInteger } from '../../../check.js';
import { invalidValue, VmbusError } from '../../../errors.js';
import type { Guid } from '../../../guid.js';
import { senses } from '../../../protocol/scsi/sense.js';
import type { ScsiAddress } from '../../../protocol/storvsc.js';
import type { HostChannel, OfferDetails, ProviderSession } from '../../types.js';
import { Controller } from './controller.js';
import type { Disk } from './disk.js';
import { chooseUnit, type UnitOptions } from './disk-choice.js';
import type { NegotiationPlan, StorageState } from './negotiation.js';
import type { AttentionName, ScsiProvider } from './types.js';

/** What a storage device is made of. */
export interface StorageDevicePlan extends NegotiationPlan {
  readonly name: string;
  readonly classGuid: Guid;
  readonly instanceGuid?: Guid | undefined;
  readonly monitorId?: number | undefined;
  readonly ringBytes?: number | undefined;
  readonly offer?: OfferDetails;
  /** Whether units can be at a path and target. */
  isHome(address: ScsiAddress): boolean;
}

const attentions: readonly AttentionName[] = ['capacityChanged', 'inquiryChanged', 'lunsChanged'];
const notices = ['enumerateBus', 'removeDevice', 'nothing'] as const;

/** A SCSI controller, or an IDE disk, whose one unit stays. */
export class StorageDevice implements ScsiProvider {
  readonly name: string;
  readonly classGuid: Guid;
  readonly instanceGuid?: Guid;
  readonly monitorId?: number;
  readonly ringBytes?: number;
  readonly offer?: OfferDetails;
  readonly #controller: Controller;

  constructor(plan: StorageDevicePlan) {
    this.name = plan.name;
    this.classGuid = plan.classGuid;
    if (plan.instanceGuid !== undefined) this.instanceGuid = plan.instanceGuid;
    if (plan.monitorId !== undefined) this.monitorId = plan.monitorId;
    if (plan.ringBytes !== undefined) this.ringBytes = plan.ringBytes;
    if (plan.offer !== undefined) this.offer = plan.offer;
    this.#controller = new Controller(plan, plan.isHome);
  }

  get state(): StorageState | 'closed' {
    return this.#controller.state;
  }

  get version(): number | null {
    return this.#controller.version;
  }

  get commands(): number {
    return this.#controller.commands;
  }

  get luns(): readonly number[] {
    return this.#controller.luns;
  }

  onOpen(channel: HostChannel): ProviderSession {
    return this.#controller.onOpen(channel);
  }

  /** Adds a disk that the guest finds by itself. */
  put(disk: Disk | UnitOptions, argument: string): number {
    return this.#controller.add(chooseUnit(disk, argument));
  }

  add(disk: Disk | UnitOptions): number {
    const lun = this.put(disk, 'disk');
    this.rescan();
    return lun;
  }

  async remove(lun: number, notice: 'enumerateBus' | 'removeDevice' | 'nothing' = 'enumerateBus'): Promise<void> {
    checkLun(lun);
    if (!notices.includes(notice)) throw invalidValue('notice', `must be one of ${notices.join(', ')}`, notice);
    const removed = this.#controller.remove(lun);
    if (notice !== 'nothing') this.#controller.notify(notice);
    await removed;
  }

  rescan(): void {
    this.#controller.notify('enumerateBus');
  }

  async resize(lun: number, sizeBytes: number): Promise<void> {
    checkLun(lun);
    await this.#controller.unit(lun).disk(async (disk) => {
      if (!disk.resize) throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `the disk of LUN ${lun} cannot be resized`);
      await disk.resize(sizeBytes);
    });
    this.raiseAttention(lun, 'capacityChanged');
  }

  raiseAttention(lun: number, what: AttentionName): void {
    checkLun(lun);
    if (!attentions.includes(what)) throw invalidValue('what', `must be one of ${attentions.join(', ')}`, what);
    this.#controller.unit(lun).attend(senses[what]);
  }
}

function checkLun(lun: unknown): void {
  checkInteger(lun, 'lun', 0, 255);
}

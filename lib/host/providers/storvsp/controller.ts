// SPDX-License-Identifier: MIT
//
// A storage controller: its units, which come and go, and its open channels. Disks are open while one channel is.
// Called by: storvsp.ts. Each open channel is a storage-session.ts.

import { outOfRange, VmbusError } from '../../../errors.js';
import type { ScsiAddress, VstorNotice } from '../../../protocol/storvsc.js';
import type { HostChannel, ProviderSession } from '../../types.js';
import type { UnitChoice } from './disk-choice.js';
import type { UnitTable } from './execute.js';
import type { NegotiationPlan, StorageState } from './negotiation.js';
import { type SessionHost, StorageSession } from './storage-session.js';
import { Unit } from './unit.js';

const lunCount = 256;

/** Units and channels of one device. */
export class Controller implements SessionHost, UnitTable {
  readonly plan: NegotiationPlan;
  readonly #isHome: (address: ScsiAddress) => boolean;
  readonly #units = new Map<number, Unit>();
  readonly #sessions = new Set<StorageSession>();
  #primary: StorageSession | null = null;
  #completed = 0;

  /** @param isHome whether units can be at a path and target */
  constructor(plan: NegotiationPlan, isHome: (address: ScsiAddress) => boolean) {
    this.plan = plan;
    this.#isHome = isHome;
  }

  get units(): UnitTable {
    return this;
  }

  get state(): StorageState | 'closed' {
    return this.#primary?.state ?? 'closed';
  }

  get version(): number | null {
    return this.#primary?.version ?? null;
  }

  /** Requests that were answered. */
  get commands(): number {
    return this.#completed;
  }

  get luns(): readonly number[] {
    return [...this.#units.keys()].sort((a, b) => a - b);
  }

  isHome(address: ScsiAddress): boolean {
    return this.#isHome(address);
  }

  find(lun: number): Unit | undefined {
    return this.#units.get(lun);
  }

  /** @returns its LUN. @throws VmbusError ERR_VMBUS_IN_USE */
  add({ source, lun, serial }: UnitChoice): number {
    const place = lun ?? this.#freeLun();
    if (this.#units.has(place))
      throw new VmbusError('ERR_VMBUS_IN_USE', `LUN ${place} has a disk`, {
        hint: 'remove it first, or leave the LUN away',
      });
    const unit = new Unit(place, source, serial);
    this.#units.set(place, unit);
    if (this.#sessions.size > 0) unit.open();
    return place;
  }

  /** Its disk is closed when this resolves; what runs on it ends by itself. @throws RangeError ERR_OUT_OF_RANGE for a LUN without a disk */
  async remove(lun: number): Promise<void> {
    const unit = this.unit(lun);
    this.#units.delete(lun);
    await unit.close();
  }

  /** @throws RangeError ERR_OUT_OF_RANGE for a LUN without a disk */
  unit(lun: number): Unit {
    const unit = this.#units.get(lun);
    if (!unit) throw outOfRange('lun', `one that has a disk (${this.luns.join(', ') || 'none has'})`, lun);
    return unit;
  }

  notify(notice: Exclude<VstorNotice, 'unknown'>): void {
    this.#primary?.notify(notice);
  }

  onOpen(channel: HostChannel): ProviderSession {
    const session = new StorageSession(channel, this);
    if (channel.subchannelIndex === 0) this.#primary = session;
    this.#sessions.add(session);
    for (const unit of this.#units.values()) unit.open();
    return session;
  }

  completed(): void {
    this.#completed += 1;
  }

  closed(session: StorageSession): void {
    this.#sessions.delete(session);
    if (this.#primary === session) this.#primary = null;
    // A disk that cannot be written to its medium any more: nobody is left to be told.
    if (this.#sessions.size === 0) for (const unit of this.#units.values()) unit.close().catch(() => undefined);
  }

  #freeLun(): number {
    for (let lun = 0; lun < lunCount; lun += 1) if (!this.#units.has(lun)) return lun;
    throw new VmbusError('ERR_VMBUS_IN_USE', `all ${lunCount} LUNs have a disk`);
  }
}

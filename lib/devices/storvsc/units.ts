// SPDX-License-Identifier: MIT
//
// Which units a controller has: found when it is opened, and again when the host says that something changed.
// Called by: storvsc.ts. Calls: commands.ts. A unit with another serial number is another unit.

import { VmbusError } from '../../errors.js';
import { Feed } from '../../feed.js';
import { VpdPage } from '../../protocol/scsi/numbers.js';
import { decodeBlockLimits, decodeProvisioning, decodeSerial } from '../../protocol/scsi/vpd.js';
import { type DiskHome, StorageDisk } from './disk.js';
import type { StorageChange, StorageUnit } from './types.js';

interface Known {
  readonly unit: StorageUnit;
  /** What tells it from another unit at its place. */
  readonly identity: string;
  /** Null for a unit that is no disk. */
  readonly disk: StorageDisk | null;
}

const diskType = 0;

/** Units of one controller. */
export class Units {
  readonly changes: Feed<StorageChange> = new Feed<StorageChange>();
  readonly #home: DiskHome;
  readonly #fixedLuns: readonly number[] | null;
  #known: ReadonlyMap<number, Known> = new Map();

  /** @param fixedLuns Where units are looked for; null: where the host says. */
  constructor(home: DiskHome, fixedLuns: readonly number[] | null) {
    this.#home = home;
    this.#fixedLuns = fixedLuns;
  }

  get all(): readonly StorageUnit[] {
    return [...this.#known.values()].map(({ unit }) => unit);
  }

  get disks(): readonly StorageDisk[] {
    return [...this.#known.values()].flatMap(({ disk }) => disk ?? []);
  }

  /** Looks for units. @throws what the commands throw; then what was known stays */
  async scan(signal: AbortSignal): Promise<void> {
    const { commands } = this.#home;
    const luns = this.#fixedLuns ?? (await commands.reportLuns(signal));
    const found = new Map<number, Known>();
    for (const lun of luns) {
      const known = await this.#look(lun, signal);
      if (known) found.set(lun, known);
    }
    const before = this.#known;
    this.#known = found;
    for (const [lun, old] of before) if (found.get(lun)?.identity !== old.identity) this.#tellGone(old);
    for (const [lun, one] of found) if (before.get(lun)?.identity !== one.identity) this.#tell('added', one);
  }

  /** A disk may have another size now. */
  async measure(lun: number, signal: AbortSignal): Promise<void> {
    const known = this.#known.get(lun);
    if (!known?.disk) return;
    const before = known.disk.sizeBytes;
    known.disk.resized(await this.#home.commands.capacity(lun, signal));
    if (known.disk.sizeBytes !== before) this.#tell('resized', known);
  }

  async #look(lun: number, signal: AbortSignal): Promise<Known | null> {
    const { commands } = this.#home;
    const inquiry = await commands.inquire(lun, signal);
    if (!inquiry) return null;
    const { deviceType, vendor, product, revision } = inquiry;
    const unit: StorageUnit = { lun, deviceType, vendor, product, revision };
    const serialPage = await commands.vitalPage(lun, VpdPage.serial, signal);
    const serial = (serialPage && decodeSerial(serialPage)) || null;
    const identity = JSON.stringify([deviceType, vendor, product, serial]);
    const before = this.#known.get(lun);
    if (before?.identity === identity) {
      await this.measure(lun, signal);
      return before;
    }
    if (deviceType !== diskType) return { unit, identity, disk: null };
    try {
      return { unit, identity, disk: await this.#diskOf(unit, serial, signal) };
    } catch (error) {
      // It went while it was looked at; or it is there and broken, which must not hide the others.
      if (VmbusError.is(error) && error.code === 'ERR_VMBUS_NO_DEVICE') return null;
      if (VmbusError.is(error) && error.code === 'ERR_VMBUS_SCSI') return { unit, identity, disk: null };
      throw error;
    }
  }

  async #diskOf(unit: StorageUnit, serial: string | null, signal: AbortSignal): Promise<StorageDisk> {
    const { commands } = this.#home;
    const { lun } = unit;
    const capacity = await commands.capacity(lun, signal);
    const mode = await commands.mode(lun, signal);
    const limits = await commands.vitalPage(lun, VpdPage.blockLimits, signal);
    const provisioning = await commands.vitalPage(lun, VpdPage.provisioning, signal);
    const facts = {
      unit,
      serial,
      isWriteProtected: mode?.isWriteProtected ?? false,
      limits: limits && decodeBlockLimits(limits),
      canDiscard: (provisioning && decodeProvisioning(provisioning)?.unmap) ?? false,
    };
    return new StorageDisk(this.#home, facts, capacity);
  }

  #tellGone(known: Known): void {
    known.disk?.gone();
    this.changes.push({ kind: 'removed', lun: known.unit.lun, unit: known.unit, sizeBytes: null });
  }

  #tell(kind: StorageChange['kind'], { unit, disk }: Known): void {
    this.changes.push({ kind, lun: unit.lun, unit, sizeBytes: disk?.sizeBytes ?? null });
  }
}

// SPDX-License-Identifier: MIT
//
// A SCSI unit with a disk: has it open while the guest has the controller open, and runs its commands.
// Called by: execute.ts, controller.ts. Calls: unit-blocks.ts, unit-pages.ts.

import { encodeCapacity10, encodeCapacity16 } from '../../../protocol/scsi/capacity.js';
import type { ModeSenseCommand, ScsiCommand } from '../../../protocol/scsi/commands.js';
import { encodeModeSense } from '../../../protocol/scsi/mode-sense.js';
import { ModePage } from '../../../protocol/scsi/numbers.js';
import { encodeSense, type Sense, senses } from '../../../protocol/scsi/sense.js';
import type { Disk } from './disk.js';
import type { DiskSource } from './disk-choice.js';
import type { GuestData } from './guest-data.js';
import { CheckCondition } from './refusals.js';
import { UnitBlocks } from './unit-blocks.js';
import { inquiryData, physicalBlockBytes, serialOf, vitalPage } from './unit-pages.js';

/** Commands of a unit that has a disk; the list of units is not its own. */
export type UnitCommand = Exclude<ScsiCommand, { kind: 'reportLuns' }>;

/** Kinds of MODE SENSE values. */
const changeable = 1;
const saved = 3;
const everySubpage = 0xff;

/** One unit of a controller. */
export class Unit {
  readonly lun: number;
  readonly #source: DiskSource;
  readonly #serial: string | null;
  #disk: Promise<Disk> | null = null;
  #closing: Promise<void> = Promise.resolve();
  /** What the guest has to be told before its next command is done. */
  readonly #attentions: Sense[] = [];

  constructor(lun: number, source: DiskSource, serial: string | null) {
    this.lun = lun;
    this.#source = source;
    this.#serial = serial;
  }

  /** The guest has opened the controller. */
  open(): void {
    if (this.#disk) return;
    this.#disk = this.#closing.then(() => this.#source.open());
    // Whoever runs a command meets the rejection again.
    this.#disk.catch(() => undefined);
  }

  /** The guest has closed it, or the unit is taken away. */
  async close(): Promise<void> {
    const disk = this.#disk;
    this.#disk = null;
    this.#attentions.length = 0;
    if (disk)
      this.#closing = disk.then(
        (one) => this.#source.close(one),
        () => undefined,
      );
    await this.#closing;
  }

  /** Does something with the disk, whether or not the guest has the controller open. */
  async disk<T>(use: (disk: Disk) => Promise<T>): Promise<T> {
    if (this.#disk) return await use(await this.#disk);
    const used = this.#closing.then(async () => {
      const disk = await this.#source.open();
      try {
        return await use(disk);
      } finally {
        await this.#source.close(disk);
      }
    });
    // Whoever opens the disk next waits for this.
    this.#closing = used.then(
      () => undefined,
      () => undefined,
    );
    return await used;
  }

  /** The guest's next command ends with this; once, however often it was said. A guest that is yet to open it looks anyway. */
  attend(sense: Sense): void {
    if (this.#disk && !this.#attentions.includes(sense)) this.#attentions.push(sense);
  }

  /**
   * Runs a command. @returns bytes moved
   * @throws CheckCondition, SrbRefusal; what else is thrown ends the channel
   */
  async run(command: UnitCommand, data: GuestData, device: string): Promise<number> {
    const disk = await this.#disk;
    if (!disk) throw new CheckCondition(senses.notReady);
    const blocks = new UnitBlocks(disk);
    if (command.kind === 'inquiry') {
      const serial = this.#serial ?? serialOf(device, this.lun);
      const bytes =
        command.page === null ? inquiryData(true) : vitalPage(command.page, { serial, blockBytes: disk.blockBytes });
      if (!bytes) throw new CheckCondition(senses.invalidField);
      return await data.store(bytes, command.allocationBytes);
    }
    if (command.kind === 'requestSense')
      return await data.store(encodeSense(this.#attentions.shift() ?? senses.nothing), command.allocationBytes);
    const attention = this.#attentions.shift();
    if (attention) throw new CheckCondition(attention);
    switch (command.kind) {
      case 'testUnitReady':
        return 0;
      case 'read':
        return await blocks.read(command, data);
      case 'write':
        return await blocks.write(command, data);
      case 'writeSame':
        return await blocks.writeSame(command, data);
      case 'unmap':
        return await blocks.unmap(command.parameterBytes, data);
      case 'synchronizeCache':
        await blocks.synchronize(command);
        return 0;
      case 'startStopUnit':
        if (command.eject) throw new CheckCondition(senses.invalidField);
        if (!command.start) await blocks.flush();
        return 0;
      case 'readCapacity':
        return await data.store(capacityOf(command.form, disk, blocks.count), command.allocationBytes);
      case 'modeSense':
        return await data.store(modeOf(command, disk), command.allocationBytes);
      default:
        return command satisfies never;
    }
  }
}

function capacityOf(form: 10 | 16, disk: Disk, count: number): Uint8Array {
  const { blockBytes } = disk;
  const capacity = { blocks: BigInt(count), blockBytes };
  if (form === 10) return encodeCapacity10(capacity);
  const physicalExponent = Math.log2(physicalBlockBytes / blockBytes);
  return encodeCapacity16({ ...capacity, physicalExponent, isThin: true, readsZeroes: true });
}

function modeOf(command: ModeSenseCommand, disk: Disk): Uint8Array {
  const { form, page, subpage, control } = command;
  const isKnown = page === ModePage.caching || page === ModePage.all;
  if (!isKnown || (subpage !== 0 && subpage !== everySubpage)) throw new CheckCondition(senses.invalidField);
  if (control === saved) throw new CheckCondition(senses.cannotSaveParameters);
  const mode = { isWriteProtected: disk.readonly, forcesUnitAccess: true, hasWriteCache: true };
  return encodeModeSense(form, mode, control === changeable);
}

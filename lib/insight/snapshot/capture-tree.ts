// SPDX-License-Identifier: MIT
//
// Copies the folders of a device, and of what its driver made of it, into a snapshot. All attributes of the bus are taken; of
// the objects below only those that lib/bus reads or that tell what they are: serial numbers and labels stay behind.
// Called by snapshot.ts. Source: Documentation/ABI/stable/sysfs-bus-vmbus.

import { type Dirent, readdirSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import { readSmallFile } from '../../bus/read/attributes.js';
import { errorCode } from '../../bus/system-error.js';
import type { Redactor } from './redactor.js';
import type { TreeWriter } from './tree-writer.js';

/** Attributes taken of objects below a device. */
const childAttributes: ReadonlySet<string> = new Set([
  'name',
  'clock_name',
  'model',
  'vendor',
  'rev',
  'type',
  'size',
  'ro',
  'removable',
  'operstate',
  'carrier',
  'mtu',
  'speed',
  'address',
  'addr_assign_type',
  'ifindex',
  'dev',
  'uevent',
  'class',
  'device',
]);
/** Keys of a uevent file that name a kind of thing, not one of them. */
const ueventKeys =
  /^(?:DRIVER|MODALIAS|SUBSYSTEM|DEVTYPE|MAJOR|MINOR|DEVNAME|INTERFACE|IFINDEX|HID_ID|HID_NAME|PCI_CLASS|PCI_ID)=/;
const skipped: ReadonlySet<string> = new Set([
  'power',
  'statistics',
  'queues',
  'msi_irqs',
  'firmware_node',
  'waiting_for_supplier',
]);
const deepest = 11;
const mostEntries = 50_000;

/** Copies folders of one root. */
export class TreeCapture {
  readonly #root: string;
  readonly #writer: TreeWriter;
  readonly #redactor: Redactor;
  #left = mostEntries;

  constructor(root: string, writer: TreeWriter, redactor: Redactor) {
    this.#root = root;
    this.#writer = writer;
    this.#redactor = redactor;
  }

  /** A device of the bus with everything below it. `relative` is its real folder under the root. */
  device(relative: string): void {
    this.#walk(relative, 0, true);
  }

  /** One object of a class, without what lies below it. */
  object(relative: string): void {
    if (this.#writer.has(relative)) return;
    this.#writer.directory(relative);
    for (const entry of this.#entries(relative)) {
      if (entry.isFile() && childAttributes.has(entry.name)) this.attribute(`${relative}/${entry.name}`);
    }
  }

  /** One attribute file, or the errno that it answers. */
  attribute(relative: string): void {
    let text: string;
    try {
      text = readSmallFile(path.join(this.#root, relative));
    } catch (error) {
      this.#writer.unreadableFile(relative, errorCode(error));
      return;
    }
    this.#writer.text(relative, `${this.#clean(path.basename(relative), text)}\n`);
  }

  #walk(relative: string, depth: number, ofBus: boolean): void {
    if (this.#writer.has(relative)) return;
    this.#writer.directory(relative);
    for (const entry of this.#entries(relative)) {
      if (skipped.has(entry.name) || this.#left-- <= 0) continue;
      this.#entry(`${relative}/${entry.name}`, entry, depth, ofBus);
    }
  }

  #entry(relative: string, entry: Dirent, depth: number, ofBus: boolean): void {
    // `channels` and `uio` are the bus's own down to their ends; everything else below belongs to a driver.
    const staysOfBus = ofBus && (depth > 0 || entry.name === 'channels' || entry.name === 'uio');
    if (entry.name === 'ring' && ofBus && depth > 0) this.#ring(relative);
    else if (entry.isSymbolicLink()) this.#link(relative);
    else if (entry.isDirectory()) {
      if (depth < deepest) this.#walk(relative, depth + 1, staysOfBus);
    } else if (ofBus || childAttributes.has(entry.name)) this.attribute(relative);
  }

  #ring(relative: string): void {
    try {
      this.#writer.sized(relative, statSync(path.join(this.#root, relative)).size);
    } catch (error) {
      if (!this.#writer.has(relative)) this.#writer.unreadableFile(relative, errorCode(error));
    }
  }

  #link(relative: string): void {
    try {
      this.#writer.link(relative, readlinkSync(path.join(this.#root, relative)));
    } catch {
      // It went while we looked: the device is changing, and what is not there any more is not in the picture.
    }
  }

  #entries(relative: string): Dirent[] {
    try {
      return readdirSync(path.join(this.#root, relative), { withFileTypes: true });
    } catch {
      return [];
    }
  }

  #clean(name: string, text: string): string {
    if (name === 'uevent')
      return this.#redactor.text(
        text
          .split('\n')
          .filter((line) => ueventKeys.test(line))
          .join('\n'),
      );
    if (name === 'addr') return this.#redactor.kernelAddress(text);
    return this.#redactor.text(text);
  }
}

// SPDX-License-Identifier: MIT
//
// A disk of the host whose answers a test holds back. Used by suites of disks.

import { EventEmitter, once } from 'node:events';

import type { Disk } from '../../../../dist/host/index.js';

/** A disk that keeps its readers waiting when told to. */
export class HeldDisk implements Disk {
  readonly sizeBytes: number;
  readonly blockBytes: Disk['blockBytes'];
  readonly readonly: boolean;
  readonly #disk: Disk;
  readonly #changed = new EventEmitter().setMaxListeners(0);
  /** Reads from these bytes on, below the second, are held. */
  #held: readonly [number, number] | null = null;
  #pending = 0;
  #waiting = 0;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.sizeBytes = disk.sizeBytes;
    this.blockBytes = disk.blockBytes;
    this.readonly = disk.readonly;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.#pending += 1;
    if (this.#held && offset >= this.#held[0] && offset < this.#held[1]) {
      this.#waiting += 1;
      this.#changed.emit('pending');
      await once(this.#changed, 'release');
      this.#waiting -= 1;
    }
    this.#pending -= 1;
    this.#changed.emit('pending');
    return this.#disk.read(offset, length);
  }
  readonly write: Disk['write'] = (...args) => this.#disk.write(...args);
  readonly flush: Disk['flush'] = () => this.#disk.flush();
  readonly unmap: Disk['unmap'] = (...args) => this.#disk.unmap(...args);

  /** Resolves when so many readers wait: for anything, or for what lies between two offsets. */
  async hold(readers: number, from = 0, to = this.sizeBytes): Promise<void> {
    this.#held = [from, to];
    while (this.#waiting < readers) await once(this.#changed, 'pending');
  }

  /** Resolves when they have what they waited for. */
  async release(): Promise<void> {
    this.#held = null;
    this.#changed.emit('release');
    while (this.#pending > 0) await once(this.#changed, 'pending');
  }
}

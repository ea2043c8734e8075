// SPDX-License-Identifier: MIT
//
// What the host says of the card while it is up: link, speed, which queue a flow belongs to.
// Called by: nic.ts. What a host says again is no event; only each network change is two, down and up.

import { isDeepStrictEqual } from 'node:util';

import { indirectionEntries, type NvspHostMessage } from '../../protocol/nvsp.js';
import { RndisIndication } from '../../protocol/rndis.js';
import { megabits, type NicFacts } from './bring-up.js';
import type { NicEvent, NicLink } from './types.js';

export class LinkState {
  readonly #tell: (event: NicEvent) => void;
  #isUp = false;
  #speedMbps = 0;
  #isFunctionOffered = false;
  #table: readonly number[] = Array.from({ length: indirectionEntries }, (_, i) => i);

  constructor(tell: (event: NicEvent) => void) {
    this.#tell = tell;
  }

  get now(): NicLink {
    return { isUp: this.#isUp, speedMbps: this.#speedMbps };
  }

  /** What the card said when it began. */
  begin({ isUp, speedMbps }: NicFacts): void {
    this.#isUp = isUp;
    this.#speedMbps = speedMbps;
  }

  /** Queue of a flow, by its number, where there are so many. */
  queueOf(flow: number, queues: number): number {
    return (this.#table[flow % this.#table.length] ?? 0) % queues;
  }

  takeIndication(status: number, buffer: Uint8Array): void {
    switch (status) {
      case RndisIndication.mediaConnect:
        this.#setUp(true);
        break;
      case RndisIndication.mediaDisconnect:
        this.#setUp(false);
        break;
      case RndisIndication.networkChange:
        // The cable went into another network: addresses are to be asked for again.
        if (!this.#isUp) return;
        this.#setUp(false);
        this.#setUp(true);
        break;
      case RndisIndication.linkSpeed:
        if (buffer.length >= 4) this.#setSpeed(new DataView(buffer.buffer, buffer.byteOffset).getUint32(0, true));
        break;
      default:
    }
  }

  /** @param queues Channels there are: no entry names another */
  takeMessage(message: NvspHostMessage, queues: number): void {
    if (message.kind === 'indirectionTable') this.#setTable(message.entries, queues);
    else if (message.kind === 'virtualFunction') this.#offerFunction(message.isAllocated);
  }

  #setTable(entries: readonly number[], queues: number): void {
    // It comes before the last of the queues is known here: entries are held against them when they are used.
    const before = queuesOf(this.#table, queues);
    const now = queuesOf(entries, queues);
    this.#table = entries;
    if (!isDeepStrictEqual(before, now)) this.#tell({ kind: 'table', queues: now });
  }

  #offerFunction(isOffered: boolean): void {
    if (this.#isFunctionOffered === isOffered) return;
    this.#isFunctionOffered = isOffered;
    this.#tell({ kind: 'virtual-function', isOffered });
  }

  #setUp(isUp: boolean): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    this.#tell({ kind: 'link', isUp });
  }

  #setSpeed(units: number): void {
    const mbps = megabits(units);
    if (this.#speedMbps === mbps) return;
    this.#speedMbps = mbps;
    this.#tell({ kind: 'speed', mbps });
  }
}

/** The queue of each entry, where there are so many. */
function queuesOf(table: readonly number[], queues: number): number[] {
  return table.map((entry) => entry % queues);
}

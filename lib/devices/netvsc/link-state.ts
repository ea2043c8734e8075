// SPDX-License-Identifier: MIT
//
// What the host says of the card while it is up: link, speed, which queue a flow belongs to.
// Called by: nic.ts. A host that indicates without end makes no more events than there are changes.

import { indirectionEntries, type NvspHostMessage } from '../../protocol/nvsp.js';
import { RndisIndication } from '../../protocol/rndis.js';
import { megabits, type NicFacts } from './bring-up.js';
import type { NicEvent, NicLink } from './types.js';

export class LinkState {
  readonly #tell: (event: NicEvent) => void;
  #isUp = false;
  #speedMbps = 0;
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
    if (message.kind === 'indirectionTable') {
      // It comes before the last of the queues is known here: entries are held against them when they are used.
      this.#table = message.entries;
      this.#tell({ kind: 'table', queues: message.entries.map((entry) => entry % queues) });
    } else if (message.kind === 'virtualFunction') {
      this.#tell({ kind: 'virtual-function', isOffered: message.isAllocated });
    }
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

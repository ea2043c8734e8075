// SPDX-License-Identifier: MIT
//
// The channels of a controller: requests go to the one with the fewest under way, and their completions come back on it. What the
// host says unasked is read here, too, so that nothing waits behind it.
// Called by: srb-runner.ts, negotiation.ts, storvsc.ts. Calls: channel/.

import { type Channel, type Packet, PacketType } from '../../channel/types.js';
import { gpaDirectType } from '../../protocol/gpa-direct.js';
import {
  decodeVstorNotice,
  decodeVstorReply,
  encodeVstorRequest,
  storageViolation,
  type VstorNotice,
  type VstorReply,
  type VstorRequest,
  vstorBytes,
} from '../../protocol/storvsc.js';

/** What a lane tells of. */
export interface LaneListener {
  /** Something on the bus may have changed. */
  noticed(notice: VstorNotice): void;
  /** A packet that nobody asked for was dropped. */
  dropped(): void;
}

interface Lane {
  readonly channel: Channel;
  outstanding: number;
}

/** Channels of one controller, the primary one first. */
export class Lanes {
  readonly #lanes: Lane[] = [];
  readonly #listener: LaneListener;
  #turn = 0;

  constructor(primary: Channel, listener: LaneListener) {
    this.#listener = listener;
    this.add(primary);
  }

  get relids(): readonly number[] {
    return this.#lanes.map(({ channel }) => channel.relid);
  }

  /** Requests that the host has. */
  get outstanding(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.outstanding, 0);
  }

  add(channel: Channel): void {
    this.#lanes.push({ channel, outstanding: 0 });
    void this.#listen(channel);
  }

  /** A request about the protocol itself, on the primary channel. */
  ask(request: VstorRequest, timeoutMs: number): Promise<VstorReply> {
    const [primary] = this.#lanes;
    if (!primary) return Promise.reject(storageViolation('no channel'));
    return this.#request(primary, encodeVstorRequest(request), { timeoutMs });
  }

  /** An SRB, with the pages of its data where it has some. Resolves when the host is done with both, and not before. */
  execute(request: VstorRequest, header: Uint8Array | null): Promise<VstorReply> {
    const lane = this.#next();
    if (!lane) return Promise.reject(storageViolation('no channel'));
    const payload = encodeVstorRequest(request);
    return this.#request(lane, payload, header ? { type: gpaDirectType, header } : {});
  }

  async #request(
    lane: Lane,
    payload: Uint8Array,
    options: { readonly timeoutMs?: number; readonly type?: number; readonly header?: Uint8Array },
  ): Promise<VstorReply> {
    lane.outstanding += 1;
    try {
      const packet = await lane.channel.request(payload, options);
      // Only versions with packets of this length are spoken.
      if (packet.payload.length < vstorBytes.revision2)
        throw storageViolation(`a completion of ${packet.payload.length} bytes`, { bytes: packet.payload.length });
      return decodeVstorReply(packet.payload);
    } finally {
      lane.outstanding -= 1;
    }
  }

  /** The one with the fewest requests; among equals in turn. */
  #next(): Lane | undefined {
    const { length } = this.#lanes;
    let best: Lane | undefined;
    for (let i = 0; i < length; i += 1) {
      const lane = this.#lanes[(this.#turn + i) % length];
      if (lane && (!best || lane.outstanding < best.outstanding)) best = lane;
    }
    this.#turn = (this.#turn + 1) % Math.max(1, length);
    return best;
  }

  async #listen(channel: Channel): Promise<void> {
    try {
      for await (const packet of channel) this.#hear(packet);
    } catch {
      // Why it ended is what channel.closed says.
    }
  }

  #hear({ type, transactionId, payload }: Packet): void {
    if (type !== PacketType.inband || transactionId !== 0n || payload.length < 4) {
      this.#listener.dropped();
      return;
    }
    const notice = decodeVstorNotice(payload);
    if (notice === 'unknown') this.#listener.dropped();
    else this.#listener.noticed(notice);
  }
}

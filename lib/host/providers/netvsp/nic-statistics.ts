// SPDX-License-Identifier: MIT
//
// What a network card counts, over all its openings.

/** Counters of one direction. */
export interface NicTraffic {
  frames: number;
  bytes: number;
}

/** Counters of a card. "Sent" and "received" are as the guest sees them. */
export class NicCounters {
  readonly sent: NicTraffic = { frames: 0, bytes: 0 };
  /** Handed to the guest. */
  readonly received: NicTraffic = { frames: 0, bytes: 0 };
  /** For the guest, while too many waited. */
  dropped = 0;
  /** For the guest, which did not want them: by its filter, too long, or not ready. */
  refused = 0;
  /** Of the guest, while the cable was out or the card not ready. */
  lost = 0;
  /** Packets of the guest that were none. */
  malformed = 0;
  /** Frames by channel. */
  readonly channels: { sent: number; received: number }[] = [];

  /** Counters of a channel. */
  channel(index: number): { sent: number; received: number } {
    while (this.channels.length <= index) this.channels.push({ sent: 0, received: 0 });
    return this.channels[index] ?? { sent: 0, received: 0 };
  }
}

/** A copy of the counters, and what is going on now. */
export interface NetvspStatistics {
  /** What the guest sent to the network. */
  readonly sent: Readonly<NicTraffic>;
  /** What the guest was handed. */
  readonly received: Readonly<NicTraffic>;
  /** Frames for the guest that found too many waiting: it does not keep up. */
  readonly dropped: number;
  /** Frames for the guest that it did not want: by its filter, too long, or not ready. */
  readonly refused: number;
  /** Frames of the guest while the cable was out or the card not ready. */
  readonly lost: number;
  /** Packets of the guest that were none. */
  readonly malformed: number;
  /** Frames that wait for the guest now. */
  readonly waiting: number;
  /** Sections of its receive buffer that the guest has now. */
  readonly held: number;
  /** Frames by channel, the primary first. */
  readonly channels: readonly { readonly sent: number; readonly received: number }[];
}

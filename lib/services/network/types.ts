// SPDX-License-Identifier: MIT
//
// What a station on a network, and a card that is joined to an interface, look like to a script. Nothing runs here.

/** Options of `joinNetwork`. */
export interface JoinNetworkOptions {
  /** Address and prefix, such as `10.9.9.2/24`. Default: what the network gives by DHCP. */
  readonly address?: string;
  /** Where packets for other networks go. Default: what DHCP says; else nowhere. */
  readonly router?: string;
  /** How long a neighbour may take to answer. Default 3000. */
  readonly timeoutMs?: number;
  /** Ends joining, and later the station, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of a ping. */
export interface StationPingOptions {
  /** Bytes behind the headers. Default 56. */
  readonly sizeBytes?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** An answer to a ping. */
export interface StationPong {
  readonly sequence: number;
  readonly bytes: number;
  /** From the sending to the answer. */
  readonly ms: number;
}

/** Options of `joinTap`. */
export interface JoinTapOptions {
  /** Of the interface; left out: the kernel finds one (`tap0`). */
  readonly name?: string;
  /** Ends the joining. */
  readonly signal?: AbortSignal;
}

/** Counters of a card and an interface that are joined; frames. */
export interface TapJoinStats {
  readonly toKernel: number;
  readonly fromKernel: number;
  /** That the kernel did not take: the interface was down. */
  readonly refused: number;
  /** That the kernel sent and the card can't. */
  readonly tooLong: number;
}

// SPDX-License-Identifier: MIT
//
// What the simulated host looks like: to scripts that start one, and to providers that play its devices. Nothing runs here.

import type { Guid } from '../guid.js';

/** A device of the simulated host: what is offered to the guest, and what happens on its channels. */
export interface Provider {
  /** Short name, e.g. `echo`, `balloon`. */
  readonly name: string;
  readonly classGuid: Guid;
  /** Instance GUID; made by the host where absent. */
  readonly instanceGuid?: Guid;
  /** Monitor id for a fast channel; absent for a slow one. */
  readonly monitorId?: number;
  /** Size of one ring with its header page, in bytes; 2 MiB where absent. */
  readonly ringBytes?: number;
  /** Class index as sysfs shows it. */
  readonly deviceIndex?: number;
  /** The guest opened the channel. What this returns gets its packets. */
  onOpen(channel: HostChannel): ProviderSession;
}

/** One opening of a channel, as its provider plays it. */
export interface ProviderSession {
  onPacket(packet: HostPacket): void;
  /** Space became free after {@link HostChannel.send} answered false. */
  onSpace?(): void;
  /** The guest closed the channel, or it broke. */
  onClose?(): void;
}

/** A packet of the guest. `payload` and `header` are valid during the call only; copy what is kept. */
export interface HostPacket {
  readonly type: number;
  readonly flags: number;
  readonly transactionId: bigint;
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/** The host's end of an open channel. The same over every attachment. */
export interface HostChannel {
  readonly device: Guid;
  readonly relid: number;
  readonly subchannelIndex: number;
  readonly isOpen: boolean;
  /** Writes a packet; false when the ring is full (see `onSpace`). */
  send(
    payload: Uint8Array,
    options?: {
      readonly type?: number;
      readonly flags?: number;
      readonly transactionId?: bigint;
      readonly header?: Uint8Array;
    },
  ): boolean;
  /** Answers a packet of the guest. */
  complete(transactionId: bigint, payload: Uint8Array): boolean;
  /** Offers subchannels; they appear in the guest's `channels/`. The provider's `onOpen` is called for each with its index. */
  offerSubchannels(count: number): void;
  /** Withdraws the whole device. */
  rescind(): void;
  /** Faults of this channel, for tests. */
  readonly faults: ChannelFaults;
}

/** Things that go wrong on purpose. */
export interface ChannelFaults {
  /** Lose the next `count` signals to the guest. */
  dropSignals(count: number): void;
  /** Hold every packet to the guest back for so long. 0 = off. */
  delay(ms: number): void;
  /** Stop reading the guest's packets, so that its ring fills; until called with false. */
  stall(on: boolean): void;
  /** Withdraw the device when the guest's n-th packet from now arrives, before it is answered. */
  rescindAtPacket(n: number): void;
  /** Write raw bytes into the guest's in-ring as if they were a packet. */
  writeRaw(bytes: Uint8Array): void;
  /** Store a header word of the in-ring (`in`) or the out-ring (`out`), as the guest names them. */
  pokeHeader(
    ring: 'in' | 'out',
    word: 'writeIndex' | 'readIndex' | 'mask' | 'pending' | 'features',
    value: number,
  ): void;
}

/** Options of a {@link SimulatedHost}. */
export interface SimulatedHostOptions {
  readonly devices: readonly Provider[];
  /** Folder to serve; must not exist or be empty. A fresh folder in memory (`/dev/shm`) or the temporary folder otherwise. */
  readonly root?: string;
  /** Virtual CPUs the tree shows. Default: as this machine has, at most 8. */
  readonly cpus?: number;
  /** Bind every device to uio_hv_generic at once, as if `hv bind` had been run. Default false. */
  readonly bound?: boolean;
}

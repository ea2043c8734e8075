// SPDX-License-Identifier: MIT
//
// What the simulated host looks like: to scripts that start one, and to providers that play its devices. Nothing runs here.

import type { Guid } from '../guid.js';
import type { GpaExtent } from '../protocol/gpa-direct.js';

/** A device of the simulated host: what is offered to the guest, and what happens on its channels. */
export interface Provider {
  /** Short name, e.g. `echo`, `balloon`. */
  readonly name: string;
  readonly classGuid: Guid;
  /** Instance GUID; made by the host where absent. */
  readonly instanceGuid?: Guid;
  /** Monitor id for a fast channel; absent for a slow one. */
  readonly monitorId?: number;
  /** Size of one ring with its header page, in bytes; where absent as the guest's kernel has it for the class. */
  readonly ringBytes?: number;
  /**
   * Sizes of the buffers that the guest's kernel makes for the device beside its rings, in bytes. Only where a folder is served:
   * a guest with a kernel makes its own.
   */
  readonly bufferBytes?: { readonly receive: number; readonly send: number };
  /** Class index as sysfs shows it; where absent as the guest's kernel has it for the class. */
  readonly deviceIndex?: number;
  /** What the offer says beyond the GUIDs; an attachment without offers of its own leaves it unused. */
  readonly offer?: OfferDetails;
  /** The guest opened the channel. What this returns gets its packets. */
  onOpen(channel: HostChannel): ProviderSession;
}

/** Fields of an offer that only some classes use. Source: struct vmbus_channel_offer in include/linux/hyperv.h. */
export interface OfferDetails {
  /** Bits of `chn_flags`: 0x1 enumerate, 0x10 named pipe, 0x2000 socket. Default 0. */
  readonly flags?: number;
  /** Memory-mapped window that the device wants, in MiB. Default 0. */
  readonly mmioMegabytes?: number;
  /** Up to 120 bytes that the class defines. */
  readonly userData?: Uint8Array;
}

/**
 * What offers devices as the guest asks for them, such as sockets. Needs an attachment whose guest can ask: a kernel.
 */
export interface BusService {
  readonly name: string;
  /** The guest's bus is connected; called again after the guest was started anew. */
  onBus(bus: ServiceBus): void;
  /** The guest wants a connection (TL_CONNECT_REQUEST). False: nobody serves it. */
  onConnect(endpoint: Guid, service: Guid): boolean;
  /** The guest is gone: so is everything that was offered. */
  onBusLost?(): void;
}

/** What a {@link BusService} does with the bus. */
export interface ServiceBus {
  /** Offers a device now. @returns what withdraws it */
  offer(provider: Provider): { withdraw(): void };
}

/** One opening of a channel, as its provider plays it. */
export interface ProviderSession {
  onPacket(packet: HostPacket): void;
  /** Gets whole batches instead of single packets where it exists: the fast path. */
  onBatch?(batch: HostBatch): void;
  /** Space became free after {@link HostChannel.send} answered false. */
  onSpace?(): void;
  /** The device is about to be withdrawn: the last moment to send something. */
  onWithdraw?(): void;
  /**
   * For devices whose driver waits for the end of all that is in flight, as Linux's network and storage drivers do when their
   * device goes. Called after `onWithdraw`: begin nothing more, and resolve when the guest has completed everything. Only then,
   * or after 5 s, does the guest hear of the withdrawal; what it sends until it closes the channel is still taken and is to be
   * completed. An attachment whose guests do not close in their own time does not ask.
   */
  drain?(): Promise<void>;
  /** The guest closed the channel or it broke (`closed`), or the device was withdrawn (`rescinded`). Nothing can be sent any more. */
  onClose?(reason?: 'closed' | 'rescinded'): void;
}

/** A packet of the guest. `payload` and `header` are valid during the call only; copy what is kept. */
export interface HostPacket {
  readonly type: number;
  readonly flags: number;
  readonly transactionId: bigint;
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/** Packets of one drain, without objects. Valid during the call only. */
export interface HostBatch {
  readonly length: number;
  type(row: number): number;
  flags(row: number): number;
  transactionId(row: number): bigint;
  payloadLength(row: number): number;
  /** Bytes between descriptor and payload. */
  headerLength(row: number): number;
  /** The payload, as a view on the arena. */
  payload(row: number): Uint8Array;
  packet(row: number): HostPacket;
  /** Turns a row into what {@link sendBack} shall send of it; header and payload stay. */
  rewrite(row: number, type: number, flags: number): void;
  /**
   * Sends the first `rows` rows (all where absent) as they stand, straight from the arena. What does not fit now is sent
   * once there is space, before anything else is received.
   */
  sendBack(rows?: number): void;
}

/** Options of {@link HostChannel.send}. */
export interface HostSendOptions {
  /** Default 6, in-band data. */
  readonly type?: number;
  /** Default 0; 1 asks for a completion. */
  readonly flags?: number;
  /** Default 0n. */
  readonly transactionId?: bigint;
  /** Header bytes between descriptor and payload, a multiple of 8. */
  readonly header?: Uint8Array;
}

/** The host's end of an open channel. The same over every attachment. */
export interface HostChannel {
  readonly device: Guid;
  readonly relid: number;
  readonly subchannelIndex: number;
  readonly isOpen: boolean;
  /** Largest payload of a plain packet, in bytes. */
  readonly maxPayloadBytes: number;
  /** What the guest said when it opened the channel: 120 bytes that the class defines. */
  readonly openData: Uint8Array;
  /** The guest's memory, for packets that name pages or buffers of it. */
  readonly memory: GuestMemory;
  /** Writes a packet; false when the ring is full (see `onSpace`) or the channel is closed. @throws ERR_VMBUS_TOO_LARGE */
  send(payload: Uint8Array, options?: HostSendOptions): boolean;
  /** Writes as many of the payloads as fit, published at once; answers how many. Fewer than given: see `onSpace`. */
  sendMany(payloads: readonly Uint8Array[], options?: Omit<HostSendOptions, 'header'>): number;
  /** Answers a packet of the guest. */
  complete(transactionId: bigint, payload: Uint8Array): boolean;
  /** Stops reading the guest's packets, so that they pile up in its ring. */
  pause(): void;
  resume(): void;
  /** Offers subchannels; they appear in the guest's `channels/`. The provider's `onOpen` is called for each with its index. */
  offerSubchannels(count: number): void;
  /** Withdraws the whole device. */
  rescind(): void;
  /** The guest sent what its protocol forbids: ends this channel alone, and tells the host's `onTrouble`. */
  fail(error: unknown): void;
  /** Faults of this channel, for tests. */
  readonly faults: ChannelFaults;
}

/**
 * The guest's memory. Every address and length comes from the guest and is checked here; what lies outside rejects with
 * ERR_VMBUS_CORRUPT, which is for {@link HostChannel.fail}. What a write resolved for is there before any packet sent later.
 */
export interface GuestMemory {
  /** Copies the ranges out, one after the other. */
  read(ranges: readonly GuestRange[]): Promise<Uint8Array>;
  /** Copies `bytes` into the ranges, one after the other; they may hold more than `bytes`. */
  write(ranges: readonly GuestRange[], bytes: Uint8Array): Promise<void>;
  /** The buffer that the guest shared on this channel's device under a GPADL handle; null for an unknown handle. */
  buffer(gpadl: number): SharedBuffer | null;
}

/** Consecutive bytes of guest physical memory. */
export type GuestRange = GpaExtent;

/** Memory that the guest shared as a GPADL: pages in order, addressed as one piece. */
export interface SharedBuffer {
  readonly sizeBytes: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  write(offset: number, bytes: Uint8Array): Promise<void>;
}

/** Header words of a ring. */
export type HeaderWord = 'writeIndex' | 'readIndex' | 'mask' | 'pending' | 'features';

/** Answers what the guest gets in place of a packet, null for nothing. The packet's bytes are its own to change. */
export type PacketChange = (packet: HostPacket) => HostPacket | null;

/** Things that go wrong on purpose. */
export interface ChannelFaults {
  /** Lose the next `count` signals to the guest. */
  dropSignals(count: number): void;
  /** Hold every packet to the guest back for so long. 0 = off. */
  delay(ms: number): void;
  /** Lose the next `count` packets to the guest. */
  dropPackets(count: number): void;
  /** Change every packet to the guest, until called with null: what makes a malformed message of any kind. */
  alterPackets(change: PacketChange | null): void;
  /**
   * Hold the next `count` completions back until all of them are there, then send the last one first: the bus promises no order
   * among them. 0 sends what is held.
   */
  reverseCompletions(count: number): void;
  /** Stop reading the guest's packets, so that its ring fills; until called with false. */
  stall(on: boolean): void;
  /** Withdraw the device when the guest's n-th packet from now arrives, before it is answered. */
  rescindAtPacket(n: number): void;
  /** Write raw bytes into the guest's in-ring as if they were a packet (descriptor, payload, padding, trailer). */
  writeRaw(bytes: Uint8Array): void;
  /** Store a header word of the in-ring (`in`) or the out-ring (`out`), as the guest names them. */
  pokeHeader(ring: 'in' | 'out', word: HeaderWord, value: number): void;
  /** Header word of a ring as it is now. */
  peekHeader(ring: 'in' | 'out', word: HeaderWord): number;
  /** Data bytes of one ring. */
  readonly ringDataBytes: number;
  /** Wake the guest whatever the rings say. */
  wake(): void;
}

/** Something that did not go as a provider or the ring rules have it. */
export interface HostTrouble {
  /** Null where no device is concerned. */
  readonly device: Guid | null;
  readonly relid: number;
  readonly provider: string;
  /**
   * ERR_VMBUS_CORRUPT where the guest broke the rules of the ring or named memory that is not there, ERR_VMBUS_PROTOCOL where
   * it broke those of a protocol; else what a provider threw.
   */
  readonly error: unknown;
}

/** A device or channel that something happened to. */
export interface HostEventPlace {
  readonly device: Guid;
  /** Name of its provider. */
  readonly name: string;
  /** Of the device's primary channel, or of the channel concerned. */
  readonly relid: number;
}

/** Something that happened on a host. */
export type HostEvent = HostEventPlace &
  (
    | { readonly kind: 'added' | 'withdrawn' }
    /** A driver of the guest took the device, or was taken off. */
    | { readonly kind: 'bound' | 'unbound'; readonly driver: string }
    /** The guest opened or closed a channel; 0 is the primary one. */
    | { readonly kind: 'opened' | 'closed'; readonly subchannelIndex: number }
  );

/** Options of a {@link SimulatedHost}. */
export interface SimulatedHostOptions {
  readonly devices: readonly Provider[];
  /** Folder to serve; must not exist or be empty. A fresh folder in memory (`/dev/shm`) or the temporary folder otherwise. */
  readonly root?: string;
  /** Virtual CPUs the tree shows. Default: as this machine has, at most 8. */
  readonly cpus?: number;
  /** Bind every device to uio_hv_generic at once, as if `hv bind` had been run. Default false. */
  readonly bound?: boolean;
  /** Refuse devices without a monitor id at bind (errno 524), as uio_hv_generic of Linux 6.1 and older does. Default false. */
  readonly requireMonitor?: boolean;
  /** Told when a guest breaks the rules (else a process warning) or a provider throws (else thrown, uncaught). */
  readonly onTrouble?: (trouble: HostTrouble) => void;
}

/** A device as the host sees it. */
export interface HostedDevice {
  /** Name of its provider. */
  readonly name: string;
  readonly classGuid: Guid;
  readonly instanceGuid: Guid;
  readonly relid: number;
  /** Driver that holds it in the guest. */
  readonly driver: string | null;
  readonly isOpen: boolean;
}

// SPDX-License-Identifier: MIT
//
// What a recording is made of: a line of JSON for each thing that happened, bytes in hexadecimal.
// Used by: recorder.ts, replay.ts. Version 1; readers ignore lines of a kind that they do not know.

import type { GuestRange } from '../types.js';

/** First line of a recording. */
export interface RecordingHead {
  readonly recording: 'vmbus';
  readonly version: 1;
  /** When it began, ISO 8601. */
  readonly started: string;
}

/** A packet, either way. `header` is left out where there is none. */
export interface PacketLine {
  readonly what: 'from-guest' | 'to-guest';
  readonly type: number;
  readonly flags: number;
  /** Transaction id, decimal. */
  readonly id: string;
  readonly header?: string;
  readonly payload: string;
}

/** Guest memory that the provider read, or wrote. */
export interface MemoryLine {
  readonly what: 'memory-read' | 'memory-written';
  /** Handle of a shared buffer; absent for ranges of pages. */
  readonly gpadl?: number;
  /** Offset in the buffer, or pairs of address and length. */
  readonly at: number | readonly (readonly [number, number])[];
  readonly bytes: string;
}

/** A buffer that the provider asked for, and its size; -1 for none. */
export interface BufferLine {
  readonly what: 'buffer';
  readonly gpadl: number;
  readonly sizeBytes: number;
}

export interface OpenLine {
  readonly what: 'open';
  /** Class GUID of the device; recordings of old have none. */
  readonly class?: string;
  readonly subchannelIndex: number;
  readonly maxPayloadBytes: number;
  readonly data: string;
}

export interface CloseLine {
  readonly what: 'close' | 'rescind' | 'fail';
}

export interface SubchannelsLine {
  readonly what: 'offer-subchannels';
  readonly count: number;
}

/** A control message of the bus. */
export interface ControlLine {
  readonly what: 'control-from-guest' | 'control-to-guest';
  readonly bytes: string;
}

/** Something that happened on a channel. */
export type ChannelEvent = PacketLine | MemoryLine | BufferLine | OpenLine | CloseLine | SubchannelsLine;

/** Any line but the first: milliseconds since the start, and for channels whose they were. */
export type RecordingLine =
  | (ChannelEvent & { readonly ms: number; readonly device: string; readonly channel: number })
  | (ControlLine & { readonly ms: number });

/** Ranges as a line has them. */
export function placesOf(ranges: readonly GuestRange[]): [number, number][] {
  return ranges.map(({ address, length }) => [address, length]);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

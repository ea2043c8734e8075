// SPDX-License-Identifier: MIT
//
// The protocol of the echo device, a class of our own for demos, tests and benchmarks.
// Shared by host/providers/echo-session.ts and whoever commands an echo device.
//
// Every packet is sent back at once, in order: one that wants a completion as a completion (type 11, flags 0, no header),
// any other as it came (type, header, transaction id, payload). Completions are counted, not answered. An in-band packet
// with a payload of 24 bytes that begins with the ASCII text `vmbusctl` is a command instead:
//
//   offset 8 u32 command, offset 12 u32 argument, offset 16 u32 second argument, offset 20 u32 zero; all little-endian
//   1 offer   <argument> subchannels, at most 64 in all, on the primary channel only
//   2 mode    0 echo, 1 sink (take and drop), 2 source (send without being asked, as fast as the ring takes them, in-band
//             packets of <second argument> bytes, transaction id 0)
//   3 count   packets and bytes received since open, each modulo 2^32
//
// It is answered as any packet is, by the same 24 bytes but: offset 12 result (1 done, 0 refused; packets for `count`),
// offset 16 zero (bytes for `count`).

import { type Guid, parseGuid } from '../guid.js';

/** Class GUID of the echo device. */
export const echoClass: Guid = parseGuid('6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f5');

/** What an echo device does with packets. */
export type EchoMode = 'echo' | 'sink' | 'source';

/** Modes in the order of their numbers. */
export const echoModes: readonly EchoMode[] = ['echo', 'sink', 'source'];

/** Bytes of a command and of its answer. */
export const echoCommandBytes = 24;

/** Numbers of the commands. */
export const EchoVerb = { offer: 1, mode: 2, count: 3 } as const;

/** A command to an echo device, or the answer to one. All numbers are unsigned 32 bits. */
export interface EchoCommand {
  /** See {@link EchoVerb}; others are refused by the device. */
  readonly verb: number;
  readonly argument: number;
  readonly second: number;
}

const mark = Buffer.from('vmbusctl', 'latin1');

/** Payload of a command. */
export function encodeEchoCommand(command: EchoCommand): Uint8Array {
  const payload = new Uint8Array(echoCommandBytes);
  const view = new DataView(payload.buffer);
  payload.set(mark);
  view.setUint32(8, command.verb, true);
  view.setUint32(12, command.argument >>> 0, true);
  view.setUint32(16, command.second >>> 0, true);
  return payload;
}

/** The command in a payload; null where it is none. */
export function decodeEchoCommand(payload: Uint8Array): EchoCommand | null {
  if (payload.length !== echoCommandBytes || !mark.equals(payload.subarray(0, mark.length))) return null;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return { verb: view.getUint32(8, true), argument: view.getUint32(12, true), second: view.getUint32(16, true) };
}

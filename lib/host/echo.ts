// SPDX-License-Identifier: MIT
//
// The echo device: a class of our own, for demos, tests and benchmarks. Speaks as any provider over a host channel.
//
// Protocol. Every packet is sent back at once, in order: one that wants a completion as a completion (type 11, flags 0, no
// header), any other as it came (type, header, transaction id, payload). Completions of the guest are counted, not answered.
// An in-band packet with a payload of 24 bytes that begins with the ASCII text `vmbusctl` is a command instead:
//   offset 8 u32 command, offset 12 u32 argument, offset 16 u32 second argument, offset 20 u32 zero; all little-endian
//   1 offer <argument> subchannels (1 to 64 in all)
//   2 change what this channel does: 0 echo, 1 sink (take and drop), 2 source (send without being asked, as fast as the
//     ring takes them, packets of <second argument> bytes; in-band, transaction id 0)
//   3 count: answer with packets and bytes received since open, each modulo 2^32
// It is answered like any packet, with the same 24 bytes but: offset 12 u32 result (1 done, 0 refused; packets for command
// 3), offset 16 u32 0 (bytes for command 3).

import { invalidValue, outOfRange } from '../errors.js';
import { type Guid, parseGuid } from '../guid.js';
import { EchoSession } from './echo-session.js';
import type { HostChannel, Provider, ProviderSession } from './types.js';

/** Class GUID of the echo device. */
export const echoClass: Guid = parseGuid('6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f5');

/** What an echo device does with packets. */
export type EchoMode = 'echo' | 'sink' | 'source';

/** Modes in the order of their numbers in command 2. */
export const echoModes: readonly EchoMode[] = ['echo', 'sink', 'source'];

/** Options of {@link echo}. */
export interface EchoOptions {
  /** Default `echo`. */
  readonly reply?: EchoMode;
  /** Payload of a packet in mode `source`, in bytes. Default 64. */
  readonly sourceBytes?: number;
  /** Packets sent in mode `source`, per opening; endless where absent. */
  readonly sourcePackets?: number;
  /** Subchannels offered as soon as the guest opens the device. Default 0. */
  readonly subchannels?: number;
  readonly instanceGuid?: string;
  /** Makes the channel a fast one. */
  readonly monitorId?: number;
  /** Size of one ring with its header page, in bytes. Default 2 MiB. */
  readonly ringBytes?: number;
  /** Name that commands know the device by. Default `echo`. */
  readonly name?: string;
}

/**
 * An echo device.
 * @throws TypeError, RangeError for options that make no sense
 * @example
 * await using host = await SimulatedHost.start({ devices: [echo({ subchannels: 2 })], bound: true });
 */
export function echo(options: EchoOptions = {}): Provider {
  const { reply = 'echo', sourceBytes = 64, sourcePackets = Number.POSITIVE_INFINITY, subchannels = 0 } = options;
  if (!echoModes.includes(reply)) throw invalidValue('reply', `must be one of ${echoModes.join(', ')}`, reply);
  if (!(Number.isInteger(sourceBytes) && sourceBytes >= 0)) throw outOfRange('sourceBytes', 'a whole number of bytes', sourceBytes);
  if (!(sourcePackets >= 0)) throw outOfRange('sourcePackets', '0 or more', sourcePackets);
  if (!(Number.isInteger(subchannels) && subchannels >= 0 && subchannels <= 64)) throw outOfRange('subchannels', '0 to 64', subchannels);
  return {
    name: options.name ?? 'echo',
    classGuid: echoClass,
    ringBytes: options.ringBytes ?? 2 * 1024 * 1024,
    ...(options.instanceGuid === undefined ? {} : { instanceGuid: parseGuid(options.instanceGuid, 'instanceGuid') }),
    ...(options.monitorId === undefined ? {} : { monitorId: options.monitorId }),
    onOpen(channel: HostChannel): ProviderSession {
      const session = new EchoSession(channel, { mode: reply, sourceBytes, sourcePackets });
      if (channel.subchannelIndex === 0 && subchannels > 0) channel.offerSubchannels(subchannels);
      return session;
    },
  };
}

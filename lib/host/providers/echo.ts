// SPDX-License-Identifier: MIT
//
// The echo device: a class of our own, for demos, tests and benchmarks. Its protocol: protocol/echo.ts.
// Called by: scripts, by-name.ts. Each opening is an echo-session.ts.

import { invalidValue, outOfRange } from '../../errors.js';
import { parseGuid } from '../../guid.js';
import { type EchoMode, echoClass, echoModes } from '../../protocol/echo.js';
import type { HostChannel, Provider, ProviderSession } from '../types.js';
import { EchoSession } from './echo-session.js';
import { checkProviderOptions } from './provider-options.js';

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

/** Names of the options of {@link echo}. */
export const echoOptions: readonly (keyof EchoOptions)[] = [
  'reply',
  'sourceBytes',
  'sourcePackets',
  'subchannels',
  'instanceGuid',
  'monitorId',
  'ringBytes',
  'name',
];

/**
 * An echo device.
 * @throws TypeError, RangeError for options that make no sense
 * @example
 * await using host = await SimulatedHost.start({ devices: [echo({ subchannels: 2 })], bound: true });
 */
export function echo(options: EchoOptions = {}): Provider {
  checkProviderOptions(options, echoOptions);
  const { reply = 'echo', sourceBytes = 64, sourcePackets = Number.POSITIVE_INFINITY, subchannels = 0 } = options;
  if (!echoModes.includes(reply)) throw invalidValue('options.reply', `must be one of ${echoModes.join(', ')}`, reply);
  if (!(Number.isInteger(sourceBytes) && sourceBytes >= 0))
    throw outOfRange('options.sourceBytes', 'a whole number of bytes', sourceBytes);
  if (!(sourcePackets >= 0)) throw outOfRange('options.sourcePackets', '0 or more', sourcePackets);
  if (!(Number.isInteger(subchannels) && subchannels >= 0 && subchannels <= 64))
    throw outOfRange('options.subchannels', '0 to 64', subchannels);
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

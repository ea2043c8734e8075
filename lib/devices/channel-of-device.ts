// SPDX-License-Identifier: MIT
//
// The channel that a device's guest side lives on: opened for it, or given by the script.
// Called by heartbeat.ts, memory.ts, shutdown.ts, timesync.ts, and, for the check alone, storvsc/ and netvsc/.

import type { Device } from '../bus/types.js';
import { openChannel } from '../channel/open.js';
import type { Channel, OpenChannelOptions } from '../channel/types.js';
import { checkObject } from '../check.js';
import { invalidType, invalidValue } from '../errors.js';
import type { Guid } from '../guid.js';

/** A class that a device may be of. */
export interface ExpectedClass {
  readonly guid: Guid;
  /** As errors name a device of it, with its article: `the heartbeat device`. */
  readonly name: string;
}

/** How the channel is opened. */
export interface DeviceChannelOptions {
  readonly channel?: Pick<OpenChannelOptions, 'timeoutMs' | 'force' | 'shared'>;
  readonly signal?: AbortSignal;
}

/** @throws TypeError unless it is a device of one of those classes */
export function checkDevice(device: unknown, ...expected: readonly ExpectedClass[]): asserts device is Device {
  const names = expected.map(({ name }) => name).join(' or ');
  checkObject(device, 'device', `${names} of a bus (bus.device(name))`);
  const kind = 'class' in device ? (device.class as { guid?: unknown; name?: unknown } | null) : null;
  if (expected.some(({ guid }) => guid === kind?.guid)) return;
  throw invalidValue('device', `must be ${names}`, kind?.name ?? device);
}

/** Opens the channel of a device. @throws what openChannel throws; TypeError for another device, or wrong options */
export async function openDeviceChannel(
  device: Device,
  expected: ExpectedClass,
  { channel, signal }: DeviceChannelOptions,
): Promise<Channel> {
  checkDevice(device, expected);
  if (channel !== undefined) checkObject(channel, 'options.channel', 'an object');
  return openChannel(device, { ...channel, ...(signal ? { signal } : {}) });
}

/** @throws TypeError ERR_INVALID_ARG_TYPE unless a device can talk over it and see its end */
export function checkServedChannel(channel: unknown): asserts channel is Channel {
  const { send, close, closed } = (channel ?? {}) as Record<'send' | 'close' | 'closed', unknown>;
  const hasEnd = typeof (closed as { then?: unknown } | null | undefined)?.then === 'function';
  if (typeof send !== 'function' || typeof close !== 'function' || !hasEnd)
    throw invalidType('channel', 'an open channel', channel);
}

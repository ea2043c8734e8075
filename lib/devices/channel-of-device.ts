// SPDX-License-Identifier: MIT
//
// The channel that a device's guest side lives on: opened for it, or given by the script.
// Called by memory.ts, ic-guest.ts.

import type { Device } from '../bus/types.js';
import { openChannel } from '../channel/open.js';
import type { Channel, OpenChannelOptions } from '../channel/types.js';
import { checkObject } from '../check.js';
import { invalidType, invalidValue } from '../errors.js';
import type { Guid } from '../guid.js';

/** The class that a device must be of. */
export interface ExpectedClass {
  readonly guid: Guid;
  /** As errors name it. */
  readonly name: string;
}

/** How the channel is opened. */
export interface DeviceChannelOptions {
  readonly channel?: Pick<OpenChannelOptions, 'timeoutMs' | 'force' | 'shared'>;
  readonly signal?: AbortSignal;
}

/** @throws TypeError unless it is a device of that class */
export function checkDevice(device: unknown, { guid, name }: ExpectedClass): asserts device is Device {
  checkObject(device, 'device', `the ${name} device`);
  const kind = 'class' in device ? (device.class as { guid?: unknown; name?: unknown } | null) : null;
  if (kind?.guid !== guid) throw invalidValue('device', `must be the ${name} device`, kind?.name ?? device);
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

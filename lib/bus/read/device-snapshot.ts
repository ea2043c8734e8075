// SPDX-License-Identifier: MIT
//
// A device at the time it was read: plain fields, and its channels read when first asked for.
// Made by device-reader.ts.

import { type InspectOptions, inspect } from 'node:util';

import type { Guid } from '../../guid.js';
import type { DeviceClass } from '../../protocol/classes.js';
import type {
  ChannelAttributes,
  Device,
  DeviceChild,
  MonitorAttributes,
  RingAttributes,
  UioAttributes,
  Unreadable,
} from '../types.js';

/** The fields of a device, without what is read later. */
export type DeviceFacts = Omit<Device, 'channels' | 'toJSON'>;

export class DeviceSnapshot implements Device {
  declare readonly id: Guid;
  declare readonly class: DeviceClass;
  declare readonly relid: number | null;
  declare readonly state: number | null;
  declare readonly stateName: 'offered' | 'opening' | 'idle' | 'open' | null;
  declare readonly modalias: string | null;
  declare readonly vendor: number | null;
  declare readonly deviceIndex: number | null;
  declare readonly numaNode: number | null;
  declare readonly cpuMap: readonly { readonly relid: number; readonly cpu: number }[];
  declare readonly monitorId: number | null;
  declare readonly serverMonitor: MonitorAttributes;
  declare readonly clientMonitor: MonitorAttributes;
  declare readonly in: RingAttributes;
  declare readonly out: RingAttributes;
  declare readonly driverOverride: string | null;
  declare readonly driver: string | null;
  declare readonly uio: UioAttributes | null;
  declare readonly children: readonly DeviceChild[];
  declare readonly path: string;
  declare readonly root: string;
  declare readonly unreadable: readonly Unreadable[];
  readonly #readChannels: () => ChannelAttributes[];
  #channels: readonly ChannelAttributes[] | undefined;

  constructor(facts: DeviceFacts, readChannels: () => ChannelAttributes[]) {
    Object.assign(this, facts);
    this.#readChannels = readChannels;
  }

  get channels(): readonly ChannelAttributes[] {
    this.#channels ??= this.#readChannels();
    return this.#channels;
  }

  /** All fields and channels as plain JSON; counters beyond 2^53 as decimal text. */
  toJSON(): Record<string, unknown> {
    const { root: _root, ...facts } = this;
    return { ...facts, channels: this.channels.map(channelToJSON) };
  }

  static {
    // Not a method: with isolated declarations a computed name can't stand in a class.
    Object.defineProperty(DeviceSnapshot.prototype, inspect.custom, {
      value(this: DeviceSnapshot, _depth: number, options: InspectOptions): string {
        return `Device ${inspect({ ...this, channels: this.#channels ?? '[read when asked for]' }, options)}`;
      },
    });
  }
}

function channelToJSON(channel: ChannelAttributes): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(channel).map(([name, value]) => [name, typeof value === 'bigint' ? plain(value) : value]),
  );
}

function plain(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

// SPDX-License-Identifier: MIT
//
// Checks what a script passes to a network card: options once, frames each time.
// Called by netvsc.ts, nic.ts, attached-queue.ts.

import { checkFlag, checkInteger, checkLimits, checkObject, checkOptionNames } from '../../check.js';
import { invalidType, outOfRange, VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { FRAME_INFO_WORDS, FrameField, FrameInfo } from '../../native/frame-functions.js';
import { frameHeaderBytes } from '../../protocol/ethernet/frame.js';
import { netClass } from '../../protocol/nvsp.js';
import { checkDevice, type ExpectedClass } from '../channel-of-device.js';
import type { NicOptions, SendFrameOptions, VlanTag } from './types.js';

/** Options with their defaults. */
export type NicSettings = NicOptions &
  Required<Pick<NicOptions, 'queues' | 'localQueues' | 'mtu' | 'promiscuous' | 'handshakeTimeoutMs' | 'batchesAhead'>>;

const known = [
  'queues',
  'localQueues',
  'mtu',
  'promiscuous',
  'handshakeTimeoutMs',
  'batchesAhead',
  'signal',
  'channel',
] as const satisfies readonly (keyof NicOptions)[];
const sendOptions = ['vlan', 'queue', 'signal'] as const satisfies readonly (keyof SendFrameOptions)[];
const networkCard: ExpectedClass = { guid: netClass, name: 'a network card' };
const mostQueues = 64;
const longestMs = 0x7fff_ffff;

/** @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE */
export function checkNicArguments(device: unknown, options: NicOptions): NicSettings {
  checkDevice(device, networkCard);
  checkOptionNames(options, known);
  checkLimits({ signal: options.signal });
  checkFlag(options.promiscuous, 'options.promiscuous');
  if (options.channel !== undefined) checkObject(options.channel, 'options.channel', 'an object');
  const queues = whole(options, 'queues', 1, mostQueues, 1);
  return {
    ...options,
    queues,
    localQueues: whole(options, 'localQueues', 1, queues, queues),
    mtu: whole(options, 'mtu', 68, 9000, 1500),
    promiscuous: options.promiscuous ?? false,
    handshakeTimeoutMs: whole(options, 'handshakeTimeoutMs', 1, longestMs, 5000),
    batchesAhead: whole(options, 'batchesAhead', 1, 64, 4),
  };
}

function whole(
  options: NicOptions,
  name: 'queues' | 'localQueues' | 'mtu' | 'handshakeTimeoutMs' | 'batchesAhead',
  least: number,
  most: number,
  otherwise: number,
): number {
  const value = options[name];
  if (value !== undefined) checkInteger(value, `options.${name}`, least, most);
  return value ?? otherwise;
}

/** Frames to be sent, checked. */
export interface Outgoing {
  readonly list: readonly Uint8Array[];
  /** What goes beside each of them. */
  readonly infos: Int32Array | null;
  /** Null: by their flows. */
  readonly queue: number | null;
}

/** The frames as a list. @throws TypeError, VmbusError ERR_VMBUS_TOO_LARGE */
export function checkFrames(frames: unknown, mostBytes: number, device: Guid): readonly Uint8Array[] {
  const list: readonly unknown[] = Array.isArray(frames) ? frames : [frames];
  for (const [i, frame] of list.entries()) {
    const name = Array.isArray(frames) ? `frames[${i}]` : 'frame';
    if (!(frame instanceof Uint8Array)) throw invalidType(name, 'a Uint8Array', frame);
    if (frame.length < frameHeaderBytes)
      throw outOfRange(`${name}.length`, `at least ${frameHeaderBytes}, an Ethernet header`, frame.length);
    if (frame.length > mostBytes) throw tooLarge(name, frame.length, mostBytes, device);
  }
  return list as readonly Uint8Array[];
}

/** @throws TypeError, RangeError */
export function checkSendOptions(options: SendFrameOptions, queues: number): void {
  checkOptionNames(options, sendOptions);
  checkLimits({ signal: options.signal });
  if (options.queue !== undefined) checkInteger(options.queue, 'options.queue', 0, queues - 1);
  if (options.vlan !== undefined) checkVlan(options.vlan);
}

function checkVlan(vlan: VlanTag): void {
  checkObject(vlan, 'options.vlan', 'an object with an id');
  checkOptionNames(vlan, ['id', 'priority', 'dropEligible'], 'options.vlan');
  checkInteger(vlan.id, 'options.vlan.id', 0, 4095);
  if (vlan.priority !== undefined) checkInteger(vlan.priority, 'options.vlan.priority', 0, 7);
  checkFlag(vlan.dropEligible, 'options.vlan.dropEligible');
}

/** The same tag for each of so many frames; null for none. */
export function infosOf(vlan: VlanTag | undefined, count: number): Int32Array | null {
  if (vlan === undefined) return null;
  const tag = (vlan.priority ?? 0) | (vlan.dropEligible === true ? 8 : 0) | (vlan.id << 4);
  const infos = new Int32Array(count * FRAME_INFO_WORDS);
  for (let at = 0; at < infos.length; at += FRAME_INFO_WORDS) {
    infos[at + FrameInfo.present] = FrameField.vlan;
    infos[at + FrameInfo.vlan] = tag;
  }
  return infos;
}

function tooLarge(name: string, sizeBytes: number, maxBytes: number, device: Guid): VmbusError {
  return new VmbusError('ERR_VMBUS_TOO_LARGE', `${name} has ${sizeBytes} bytes; the card takes ${maxBytes}`, {
    device,
    facts: { sizeBytes, maxBytes },
    hint: 'cut packets to the MTU (nic.mtu); open the card with a larger { mtu } where the network allows it',
  });
}

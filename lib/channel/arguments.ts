// SPDX-License-Identifier: MIT
//
// Checks of what scripts pass in, each with Node's own error codes.
// Called by: open.ts, attach.ts, opened-channel.ts, subchannel.ts before anything else happens.

import { types } from 'node:util';
import { checkFlag, checkInteger, checkLimits, checkOptionNames } from '../check.js';
import { invalidType, invalidValue, outOfRange } from '../errors.js';
import type {
  AttachChannelOptions,
  OpenChannelOptions,
  OpenSubchannelOptions,
  SendArenaOptions,
  SendOptions,
} from './types.js';

type Method = 'send' | 'trySend' | 'request' | 'complete' | 'sendArena' | 'wait' | 'open' | 'attach' | 'subchannel';

const sizeNames = ['arenaBytes', 'batchPackets', 'busyPollUs'];

/** The options that each method knows. */
export const OptionNames: Readonly<Record<Method, readonly string[]>> = {
  send: ['type', 'transactionId', 'wantsCompletion', 'header', 'signal', 'timeoutMs'],
  trySend: ['type', 'transactionId', 'wantsCompletion', 'header'],
  request: ['type', 'header', 'signal', 'timeoutMs'],
  complete: ['signal', 'timeoutMs'],
  sendArena: ['bytes', 'packets'],
  wait: ['signal'],
  open: ['signal', 'timeoutMs', 'shared', 'force', ...sizeNames],
  attach: sizeNames,
  subchannel: ['signal', 'timeoutMs', 'force'],
};

/** Payloads are Uint8Arrays (Buffers are); other views have a byte order that the ring does not. */
export function checkPayload(payload: unknown, argument: string): asserts payload is Uint8Array {
  if (isPayload(payload)) return;
  throw invalidType(argument, 'a Uint8Array or Buffer', payload);
}

/** The same for many; names the one that is wrong. */
export function checkPayloads(payloads: readonly unknown[], argument: string): void {
  for (let i = 0; i < payloads.length; i++) {
    if (!isPayload(payloads[i])) checkPayload(payloads[i], `${argument}[${i}]`);
  }
}

function isPayload(payload: unknown): payload is Uint8Array {
  return payload instanceof Uint8Array || types.isUint8Array(payload);
}

/** Checks the options of a send, request or completion. */
export function checkSendOptions(options: SendOptions, names: readonly string[]): void {
  checkOptionNames(options, names);
  const { type, transactionId, wantsCompletion, header } = options;
  if (type !== undefined) checkInteger(type, 'options.type', 1, 0xffff);
  if (transactionId !== undefined) checkTransactionId(transactionId, 'options.transactionId');
  checkFlag(wantsCompletion, 'options.wantsCompletion');
  if (header !== undefined) checkHeader(header);
  checkLimits(options);
}

function checkHeader(header: Uint8Array): void {
  checkPayload(header, 'options.header');
  if (header.length % 8 !== 0) throw invalidValue('options.header.length', 'must be a multiple of 8', header.length);
}

/** Checks the options of {@link openChannel}. */
export function checkOpenOptions(options: OpenChannelOptions): void {
  checkOptionNames(options, OptionNames.open);
  checkLimits(options);
  checkFlag(options.shared, 'options.shared');
  checkFlag(options.force, 'options.force');
  checkSizes(options);
}

/** Checks the options of {@link attachChannel}. */
export function checkAttachOptions(options: AttachChannelOptions): void {
  checkOptionNames(options, OptionNames.attach);
  checkSizes(options);
}

/** Checks the options of {@link Channel.openSubchannel}. */
export function checkSubchannelOptions(options: OpenSubchannelOptions): void {
  checkOptionNames(options, OptionNames.subchannel);
  checkLimits(options);
  checkFlag(options.force, 'options.force');
}

/** Checks the options of {@link Channel.sendArena}. */
export function checkSendArenaOptions(options: SendArenaOptions): void {
  checkOptionNames(options, OptionNames.sendArena);
  const { bytes, packets } = options;
  if (bytes !== undefined) checkInteger(bytes, 'options.bytes', 8, 2 ** 26);
  if (packets !== undefined) checkInteger(packets, 'options.packets', 1, 2 ** 16);
}

function checkSizes({ arenaBytes, batchPackets, busyPollUs }: AttachChannelOptions): void {
  if (arenaBytes !== undefined) checkInteger(arenaBytes, 'options.arenaBytes', 64, 2 ** 26);
  if (batchPackets !== undefined) checkInteger(batchPackets, 'options.batchPackets', 1, 2 ** 16);
  if (busyPollUs !== undefined) checkInteger(busyPollUs, 'options.busyPollUs', 0, 1000);
}

/** @throws TypeError, RangeError */
export function checkTransactionId(id: unknown, argument: string): asserts id is bigint {
  if (typeof id !== 'bigint') throw invalidType(argument, 'a bigint', id);
  if (id < 0n || id > 0xffff_ffff_ffff_ffffn) throw outOfRange(argument, '0n … 2n ** 64n - 1n', id);
}

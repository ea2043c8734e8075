// SPDX-License-Identifier: MIT
//
// Why a channel ended, as errors: native statuses and lease events in, VmbusErrors with the channel's name out.
// Called by: channel-core.ts, lease.ts, outbox.ts.

import { VmbusError } from '../errors.js';
import type { Guid } from '../guid.js';
import { type Binding, Inspect, Status } from '../native/binding.js';
import type { CloseReason } from './types.js';

/** What errors call a channel by. */
export interface ChannelName {
  readonly device: Guid;
  readonly relid: number;
}

/** "channel 14 of device f8b3781a-…" */
export function nameOf({ device, relid }: ChannelName): string {
  return `channel ${relid} of device ${device}`;
}

function details(name: ChannelName): { device: Guid; channel: number } {
  return { device: name.device, channel: name.relid };
}

/** Use after close. */
export function closedError(name: ChannelName, by: CloseReason['by'] = 'user'): VmbusError {
  const why = by === 'owner' ? ' by the channel or thread it belongs to' : '';
  return new VmbusError('ERR_VMBUS_CLOSED', `The ${nameOf(name)} was closed${why}`, {
    ...details(name),
    facts: { by },
    hint: 'open it again with openChannel()',
  });
}

/** The host withdrew the device, or its node broke. */
export function rescindedError(name: ChannelName): VmbusError {
  return new VmbusError('ERR_VMBUS_RESCINDED', `The host withdrew the device: ${nameOf(name)} is gone`, {
    ...details(name),
    hint: 'hv ls shows whether it was offered again, perhaps with another relid',
  });
}

/** A packet is larger than it was, and than any packet can be, each time it is looked at. */
const changingPacket = 'packet changes its length while it is read';

// The host broke a rule of the ring; says which, with the header words of both rings.
function corruptError(name: ChannelName, binding: Binding, handle: number, status: number): VmbusError {
  const reason = isViolation(status) ? binding.violationName(-status) : changingPacket;
  return new VmbusError('ERR_VMBUS_CORRUPT', `The host broke the rules of ${nameOf(name)}: ${reason}`, {
    ...details(name),
    facts: { reason, ...(isViolation(status) ? { violation: -status } : {}), ...headerWords(binding, handle) },
    hint: 'the channel is closed; hv doctor looks for what else is wrong',
  });
}

function headerWords(binding: Binding, handle: number): Record<string, unknown> {
  const words = new Float64Array(Inspect.words);
  if (binding.inspectChannel(handle, words) < 0) return {};
  const hex = (at: number): string => `0x${(words[at] ?? 0).toString(16)}`;
  const ring = (first: number): Record<string, string> => ({
    writeIndex: hex(first),
    readIndex: hex(first + 1),
    interruptMask: hex(first + 2),
    pendingSendBytes: hex(first + 3),
    featureBits: hex(first + 4),
  });
  return { in: ring(Inspect.inWrite), out: ring(Inspect.outWrite), dataBytes: words[Inspect.dataBytes] };
}

// A violation answers -1 … -99.
function isViolation(status: number): boolean {
  return status < 0 && status >= -99;
}

/** Why a channel ends when a native call answers this status. */
export function reasonOfStatus(name: ChannelName, binding: Binding, handle: number, status: number): CloseReason {
  const isBroken = isViolation(status) || status === Status.arenaTooSmall;
  if (isBroken) return { by: 'violation', error: corruptError(name, binding, handle, status) };
  if (status === Status.rescinded) return { by: 'rescind', error: rescindedError(name) };
  if (status === Status.closed) return { by: 'owner', error: closedError(name, 'owner') };
  const error = new VmbusError('ERR_VMBUS_SYSTEM', `The addon answered ${status} on ${nameOf(name)}`, {
    ...details(name),
    facts: { status },
    hint: 'this is a defect of vmbus: please report it with the output of hv doctor',
  });
  return { by: 'error', error };
}

/** A packet that the ring can never hold. */
export function tooLargeError(name: ChannelName, sizeBytes: number, maxBytes: number): VmbusError {
  const text = `A packet of ${sizeBytes} bytes can't go through ${nameOf(name)}: at most ${maxBytes} fit`;
  return new VmbusError('ERR_VMBUS_TOO_LARGE', text, {
    ...details(name),
    facts: { sizeBytes, maxBytes },
    hint: 'split it; channel.maxPayloadBytes is the limit',
  });
}

/** A wait ran out. `why` says what it was waiting for. */
export function timeoutError(name: ChannelName, operation: string, timeoutMs: number, why: string): VmbusError {
  return new VmbusError(
    'ERR_VMBUS_TIMEOUT',
    `${operation} on ${nameOf(name)} took longer than ${timeoutMs} ms: ${why}`,
    {
      ...details(name),
      facts: { operation, timeoutMs, why },
      hint: `hv channels ${name.device} shows how full the rings are`,
    },
  );
}

/** Somebody else is at it. */
export function busyError(name: ChannelName, why: string, hint: string): VmbusError {
  return new VmbusError('ERR_VMBUS_BUSY', `The ${nameOf(name)} is busy: ${why}`, { ...details(name), hint });
}

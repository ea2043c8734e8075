// SPDX-License-Identifier: MIT
//
// Bodies of the heartbeat service: the host sends a number, the guest answers with the next one and how it feels.
// Shared by host/providers/heartbeat.ts and devices/. Source of the facts: struct heartbeat_msg_data in drivers/hv/hv_util.c.
//
// Body: u64 sequence, u32 state of the guest's applications, u32 zero.

import { type Guid, parseGuid } from '../guid.js';
import { needBytes, putUint, putUint64, viewOf } from './wire-fields.js';

/** Class GUID of the heartbeat device. */
export const heartbeatClass: Guid = parseGuid('57164f39-9115-4e78-ab55-382f3bd5422d');
/** Instance GUID that Hyper-V gives it. */
export const heartbeatInstance: Guid = parseGuid('fd149e91-82e0-4a7d-afa6-2a4166cbd7c0');

const bodyBytes = 16;
/** Linux takes bodies that end here. */
const sequenceBytes = 8;
const stateEnd = 12;

/** How the guest's applications feel, in the order of the numbers. */
export type HeartbeatHealth = 'unknown' | 'healthy' | 'critical' | 'stopped';
const healths: readonly HeartbeatHealth[] = ['unknown', 'healthy', 'critical', 'stopped'];

/** A heartbeat, either way. */
export interface Heartbeat {
  /** Counts beats; the guest answers with one more. Wraps at 2^64. */
  readonly sequence: bigint;
  /** See {@link heartbeatHealth}; 0 in a request. */
  readonly applicationState: number;
}

/** What a number for the state of the applications means; numbers nobody knows are `unknown`. */
export function heartbeatHealth(applicationState: number): HeartbeatHealth {
  return healths[applicationState] ?? 'unknown';
}

/** Number of a state. */
export function heartbeatStateNumber(health: HeartbeatHealth): number {
  return healths.indexOf(health);
}

/** The sequence that answers another. */
export function nextSequence(sequence: bigint): bigint {
  return BigInt.asUintN(64, sequence + 1n);
}

/** Body of a heartbeat. @throws TypeError, RangeError */
export function encodeHeartbeat(beat: Heartbeat): Uint8Array {
  const body = new Uint8Array(bodyBytes);
  putUint64(viewOf(body), 0, beat.sequence, 'sequence');
  putUint(viewOf(body), sequenceBytes, 32, beat.applicationState, 'applicationState');
  return body;
}

/** The heartbeat in a body, of a request or of an answer. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeHeartbeat(body: Uint8Array): Heartbeat {
  needBytes(viewOf(body), sequenceBytes, 'heartbeat', 'heartbeat');
  const view = viewOf(body);
  const applicationState = body.length >= stateEnd ? view.getUint32(sequenceBytes, true) : 0;
  return { sequence: view.getBigUint64(0, true), applicationState };
}

/** Body of the answer to a heartbeat, as long as the request's. @throws VmbusError ERR_VMBUS_PROTOCOL; RangeError */
export function encodeHeartbeatReply(request: Uint8Array, applicationState: number): Uint8Array {
  const { sequence } = decodeHeartbeat(request);
  const body = Uint8Array.from(request);
  const view = viewOf(body);
  view.setBigUint64(0, nextSequence(sequence), true);
  if (body.length >= stateEnd) putUint(view, sequenceBytes, 32, applicationState, 'applicationState');
  return body;
}

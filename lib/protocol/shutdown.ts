// SPDX-License-Identifier: MIT
//
// Bodies of the shutdown service: the host asks the guest to power off, to restart or to hibernate. The answer is the status.
// Shared by host/providers/shutdown.ts and devices/. Source of the facts: struct shutdown_msg_data and shutdown_onchannelcallback
// in drivers/hv/hv_util.c.
//
// Body: u32 reason, u32 timeout in seconds, u32 flags, 2048 bytes of text that no guest is known to show.

import { type Guid, parseGuid } from '../guid.js';
import { getText, putText } from './ic-text.js';
import { needBytes, putUint, viewOf } from './wire-fields.js';

/** Class GUID of the shutdown device. */
export const shutdownClass: Guid = parseGuid('0e0b6031-5213-4934-818b-38d90ced39db');
/** Instance GUID that Hyper-V gives it. */
export const shutdownInstance: Guid = parseGuid('b6650ff7-33bc-4840-8048-e0676786f393');

const textOffset = 12;
const textBytes = 2048;
const bodyBytes = textOffset + textBytes;

/** Bits of the flags. Any other combination than one of the last two, or none, with or without the first, is refused. */
export const ShutdownFlag = { force: 1, restart: 2, hibernate: 4 } as const;

/** Ways down. */
export type ShutdownWay = 'power-off' | 'restart' | 'hibernate';

/** What flags ask for; null for bits that nobody knows, and for two ways at once. */
export function shutdownWay(flags: number): { readonly way: ShutdownWay; readonly isForced: boolean } | null {
  const isForced = (flags & ShutdownFlag.force) !== 0;
  switch (flags - (isForced ? ShutdownFlag.force : 0)) {
    case 0:
      return { way: 'power-off', isForced };
    case ShutdownFlag.restart:
      return { way: 'restart', isForced };
    case ShutdownFlag.hibernate:
      return { way: 'hibernate', isForced };
    default:
      return null;
  }
}

/** The reason that hosts give when somebody asked for it. */
export const plannedReason = 0x8000_0000;

/** A request to shut down. */
export interface ShutdownRequest {
  readonly reason: number;
  readonly timeoutSeconds: number;
  /** See {@link ShutdownFlag}. */
  readonly flags: number;
  /** At most 1023 UTF-16 units. */
  readonly text: string;
}

/** Body of a request. @throws TypeError, RangeError */
export function encodeShutdown(request: ShutdownRequest): Uint8Array {
  const body = new Uint8Array(bodyBytes);
  const view = viewOf(body);
  putUint(view, 0, 32, request.reason, 'reason');
  putUint(view, 4, 32, request.timeoutSeconds, 'timeoutSeconds');
  putUint(view, 8, 32, request.flags, 'flags');
  putText(body, textOffset, textBytes, request.text, 'text');
  return body;
}

/** The request in a body; its answer has the same body. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeShutdown(body: Uint8Array): ShutdownRequest {
  needBytes(viewOf(body), bodyBytes, 'shutdown', 'shutdown request');
  const view = viewOf(body);
  return {
    reason: view.getUint32(0, true),
    timeoutSeconds: view.getUint32(4, true),
    flags: view.getUint32(8, true),
    text: getText(body, textOffset, textBytes),
  };
}

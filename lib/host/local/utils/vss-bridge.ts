// SPDX-License-Identifier: MIT
//
// The simulated kernel's part in the backup service: what it answers itself, and what goes to the opener of /dev/vmbus/hv_vss.
// Called by: utils-driver.ts. Source: drivers/hv/hv_snapshot.c. A message is the first 12 bytes of the host's: u8 operation,
// 7 bytes, u32 flags; in an answer u32 status over the first four.

import { IcStatus, IcType, icVersion } from '../../../protocol/ic.js';
import { decodeVss, encodeVssReply, VssOperation } from '../../../protocol/vss.js';
import { protocolViolation, viewOf } from '../../../protocol/wire-fields.js';
import type { Bridge } from './types.js';

const messageBytes = 12;
const register = 129;
const shortMs = 30_000;
const freezeMs = 900_000;
const forOpener: readonly number[] = [VssOperation.hotBackup, VssOperation.freeze, VssOperation.thaw];

export const vssBridge: Bridge = {
  node: 'hv_vss',
  type: IcType.vss,
  frameworks: [icVersion(3, 0), icVersion(1, 0)],
  versions: [icVersion(5, 0)],
  waitsForOpener: false,
  register: (message) => {
    if (message.length !== messageBytes || message[0] !== register) return null;
    const answer = new Uint8Array(4);
    answer[0] = register;
    return answer;
  },
  request: (body) => {
    const { operation } = decodeVss(body);
    if (operation === VssOperation.directMappedInfo) return { status: IcStatus.done, body: encodeVssReply(body, 0) };
    if (!forOpener.includes(operation)) return { status: IcStatus.done };
    return {
      message: Uint8Array.from(body.subarray(0, messageBytes)),
      timeoutMs: operation === VssOperation.freeze ? freezeMs : shortMs,
      reply: (answer) => {
        if (answer.length !== messageBytes)
          throw protocolViolation('vss', `an answer of ${answer.length} bytes`, { bytes: answer.length });
        return { status: viewOf(answer).getUint32(0, true) };
      },
    };
  },
};

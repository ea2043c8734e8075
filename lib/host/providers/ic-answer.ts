// SPDX-License-Identifier: MIT
//
// What every answer of an integration service must be, before anything is believed of it.
// Called by: ic-session.ts. Bytes: protocol/ic.ts.

import { decodeIcMessage, IcFlag, type IcMessage, IcType } from '../../protocol/ic.js';
import type { IcChoice } from '../../protocol/ic-negotiation.js';
import { protocolViolation } from '../../protocol/wire-fields.js';
import type { HostPacket } from '../types.js';

const inband = 6;
const answerFlags = IcFlag.transaction | IcFlag.response;

/**
 * The answer in a packet to a request of `type`, in the versions of `choice`; a negotiation has none yet.
 * @throws VmbusError ERR_VMBUS_PROTOCOL
 */
export function openAnswer(
  service: string,
  packet: HostPacket,
  type: number,
  choice: IcChoice | null,
): Required<IcMessage> {
  const wrong = (what: string, facts: Readonly<Record<string, unknown>>): Error =>
    protocolViolation(service, what, facts);
  if (packet.type !== inband) throw wrong(`a packet of type ${packet.type}, ${inband} is due`, { type: packet.type });
  const message = decodeIcMessage(packet.payload, service);
  const { flags, transactionId, framework, version } = message;
  if (message.type !== type) throw wrong(`an answer of type ${message.type}, ${type} is due`, { type: message.type });
  if ((flags & answerFlags) !== answerFlags) throw wrong(`an answer with flags ${flags}`, { flags });
  // Requests have transaction 0, as those of Hyper-V's hosts.
  if (transactionId !== 0) throw wrong(`an answer to transaction ${transactionId}, 0 is due`, { transactionId });
  if (type === IcType.negotiate) return message;
  if (framework !== choice?.framework || version !== choice.message)
    throw wrong('an answer in another version than was agreed on', { framework, version });
  return message;
}

// SPDX-License-Identifier: MIT
//
// How host and guest of an integration service agree on versions: the host lists what it knows of the framework and of the
// service, the guest answers with one of each, or with none.
// Shared by host/providers/ and devices/. Source of the facts: struct icmsg_negotiate in include/linux/hyperv.h and
// vmbus_prep_negotiate_resp in drivers/hv/channel_mgmt.c.
//
// Body: u16 framework versions, u16 message versions, u32 zero, then all of them, each u16 major and u16 minor.

import { outOfRange } from '../errors.js';
import { getVersion, type IcVersion, putVersion } from './ic.js';
import { needBytes, protocolViolation, viewOf } from './wire-fields.js';

const tableOffset = 8;
/** Entries that Linux reads of each list. */
const mostVersions = 100;

/** Bytes of the body that an answer announces. */
export const negotiationReplyBytes = 16;

/** Versions that a side knows. */
export interface IcVersions {
  readonly frameworks: readonly IcVersion[];
  readonly messages: readonly IcVersion[];
}

/** Versions that both sides use. */
export interface IcChoice {
  readonly framework: IcVersion;
  readonly message: IcVersion;
}

/** Body of a negotiation. @throws RangeError ERR_OUT_OF_RANGE for more versions than a guest reads */
export function encodeNegotiation({ frameworks, messages }: IcVersions): Uint8Array {
  for (const [name, list] of Object.entries({ frameworks, messages })) {
    if (list.length > mostVersions) throw outOfRange(`${name}.length`, `at most ${mostVersions}`, list.length);
  }
  const all = [...frameworks, ...messages];
  const body = new Uint8Array(tableOffset + all.length * 4);
  const view = viewOf(body);
  view.setUint16(0, frameworks.length, true);
  view.setUint16(2, messages.length, true);
  for (const [i, version] of all.entries()) putVersion(view, tableOffset + i * 4, version);
  return body;
}

/** What a host offers. @throws VmbusError ERR_VMBUS_PROTOCOL; a guest answers such a body as if nothing matched */
export function decodeNegotiation(body: Uint8Array): IcVersions {
  needBytes(viewOf(body), 4, 'ic', 'negotiation');
  const view = viewOf(body);
  const frameworks = view.getUint16(0, true);
  const messages = view.getUint16(2, true);
  if (frameworks > mostVersions || messages > mostVersions)
    throw protocolViolation('ic', `negotiation of ${frameworks} and ${messages} versions`, { frameworks, messages });
  needBytes(viewOf(body), tableOffset + (frameworks + messages) * 4, 'ic', 'negotiation');
  const all = Array.from({ length: frameworks + messages }, (_, i) => getVersion(view, tableOffset + i * 4));
  return { frameworks: all.slice(0, frameworks), messages: all.slice(frameworks) };
}

/** The newest versions of `own`, newest first, that the other side knows as well; null where there are none. */
export function chooseVersions(offered: IcVersions, own: IcVersions): IcChoice | null {
  const framework = own.frameworks.find((version) => offered.frameworks.includes(version));
  const message = own.messages.find((version) => offered.messages.includes(version));
  return framework === undefined || message === undefined ? null : { framework, message };
}

/**
 * Body of the answer to a negotiation, as long as the request's; its header announces {@link negotiationReplyBytes} of it, or
 * all where it is shorter. `choice` null: nothing matched.
 * @throws RangeError ERR_OUT_OF_RANGE when a request without versions is answered with some
 */
export function encodeNegotiationReply(request: Uint8Array, choice: IcChoice | null): Uint8Array {
  const least = choice ? negotiationReplyBytes : 4;
  if (request.length < least) throw outOfRange('request.length', `at least ${least} bytes`, request.length);
  const body = Uint8Array.from(request);
  const view = viewOf(body);
  view.setUint16(0, choice ? 1 : 0, true);
  view.setUint16(2, choice ? 1 : 0, true);
  if (choice) {
    putVersion(view, tableOffset, choice.framework);
    putVersion(view, tableOffset + 4, choice.message);
  }
  return body;
}

/** What a guest chose; null: nothing. @throws VmbusError ERR_VMBUS_PROTOCOL for anything but one version of each, or none */
export function decodeNegotiationReply(body: Uint8Array): IcChoice | null {
  needBytes(viewOf(body), 4, 'ic', 'answer to a negotiation');
  const view = viewOf(body);
  const frameworks = view.getUint16(0, true);
  const messages = view.getUint16(2, true);
  if (frameworks === 0 && messages === 0) return null;
  if (frameworks !== 1 || messages !== 1)
    throw protocolViolation('ic', `a guest chose ${frameworks} and ${messages} versions, one of each is due`, {
      frameworks,
      messages,
    });
  needBytes(viewOf(body), negotiationReplyBytes, 'ic', 'answer to a negotiation');
  return { framework: getVersion(view, tableOffset), message: getVersion(view, tableOffset + 4) };
}

// SPDX-License-Identifier: MIT
//
// The codec of Hyper-V sockets: vsock ports and the GUIDs that stand for them, what an offer of a socket says, and the
// packets of its stream. A packet without bytes is the end of one direction.
// Called by host/providers/hvsock.
// Source: net/vmw_vsock/hyperv_transport.c and struct vmbus_channel_offer of the Linux kernel; "Make your own integration
// services" of Microsoft.

import { outOfRange } from '../errors.js';
import { type Guid, guidToBytes, parseGuid } from '../guid.js';
import { buildPipe, openPipe, pipeOfferFlag } from './pipe.js';
import { protocolViolation, putUint, viewOf } from './wire-fields.js';

/** Largest port that anybody can listen on; ports above are for the connecting side. */
export const mostListenPort = 0x7fff_ffff;
/** Most bytes in one packet. */
export const mostSocketPacketBytes = 16_384;
/** Bits of the offer's flags: enumerated, in pipe mode, a socket. */
export const socketOfferFlags: number = 0x1 | pipeOfferFlag | 0x2000;

const service = 'hvsock';
const template = '-facb-11e6-bd58-64006a7986d3';

/** The GUID of a service on a vsock port. @throws TypeError, RangeError ERR_OUT_OF_RANGE */
export function serviceOfPort(port: number): Guid {
  const view = new DataView(new ArrayBuffer(4));
  putUint(view, 0, 32, port, 'port');
  return parseGuid(`${port.toString(16).padStart(8, '0')}${template}`);
}

/** The vsock port of a service; null for a GUID that stands for none. */
export function portOfService(guid: Guid): number | null {
  return guid.endsWith(template) ? portInGuid(guid) : null;
}

/** The port in the first four bytes of any endpoint, as a guest shows it. */
export function portInGuid(guid: Guid): number {
  return viewOf(guidToBytes(guid)).getUint32(0, true);
}

/** What an offer of a socket says besides its GUIDs: a pipe of bytes, who connected, and the version of this. */
export function socketUserData(options: { readonly isFromHost: boolean }): Uint8Array {
  const bytes = new Uint8Array(26);
  bytes[4] = options.isFromHost ? 1 : 0;
  viewOf(bytes).setUint32(6, 1, true);
  return bytes;
}

/** Whether the host connected, from the user data of an offer. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function isFromHost(userData: Uint8Array): boolean {
  if (userData.length < 5) throw protocolViolation(service, `user data of ${userData.length} bytes`);
  return userData[4] !== 0;
}

/** A packet of the stream; without bytes it ends the sender's direction. @throws RangeError ERR_OUT_OF_RANGE */
export function encodeSocketPacket(bytes: Uint8Array): Uint8Array {
  if (bytes.length > mostSocketPacketBytes)
    throw outOfRange('bytes.length', `at most ${mostSocketPacketBytes}`, bytes.length);
  return buildPipe(bytes.length, (view) => new Uint8Array(view.buffer, view.byteOffset).set(bytes));
}

/** The bytes in a packet, as a view; none for the end of the sender's direction. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeSocketPacket(payload: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = openPipe(payload, service);
  if (byteLength > mostSocketPacketBytes)
    throw protocolViolation(service, `packet of ${byteLength} bytes, at most ${mostSocketPacketBytes} allowed`);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

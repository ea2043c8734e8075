// SPDX-License-Identifier: MIT
//
// The header before each message of a channel in pipe mode: u32 1, u32 bytes that follow. The ring pads packets to 8 bytes,
// so only this size says where a message ends.
// Called by the codecs of the synthetic mouse and video, of the integration services, and of sockets.
// Source: struct pipe_prt_msg of drivers/hid/hid-hyperv.c, vmpipe_proto_header of net/vmw_vsock/hyperv_transport.c.

import { needBytes, protocolViolation, viewOf } from './wire-fields.js';

/** Bytes of the header. */
export const pipeHeaderBytes = 8;
/** The only type that crosses the ring. */
const pipeData = 1;

/** What offers of channels in pipe mode say in their first four bytes of user data. */
export const PipeMode = { byte: 0, message: 4 } as const;

/** Bit of the offer's flags for a channel in pipe mode. */
export const pipeOfferFlag = 0x10;

/** User data of an offer in pipe mode. */
export function pipeUserData(mode: (typeof PipeMode)[keyof typeof PipeMode]): Uint8Array {
  return Uint8Array.of(mode, 0, 0, 0);
}

/** The message behind the header. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function openPipe(payload: Uint8Array, service: string): DataView {
  const view = viewOf(payload);
  needBytes(view, pipeHeaderBytes, service, 'pipe header');
  const type = view.getUint32(0, true);
  if (type !== pipeData) throw protocolViolation(service, `pipe packet of type ${type}`, { type });
  const size = view.getUint32(4, true);
  if (size > payload.length - pipeHeaderBytes)
    throw protocolViolation(
      service,
      `pipe header announces ${size} bytes, ${payload.length - pipeHeaderBytes} arrived`,
      {
        size,
        bytes: payload.length,
      },
    );
  return new DataView(payload.buffer, payload.byteOffset + pipeHeaderBytes, size);
}

/** A message of `size` bytes with the header before it; `fill` writes the message. */
export function buildPipe(size: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(pipeHeaderBytes + size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pipeData, true);
  view.setUint32(4, size, true);
  fill(new DataView(bytes.buffer, pipeHeaderBytes));
  return bytes;
}

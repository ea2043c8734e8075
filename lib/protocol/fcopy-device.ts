// SPDX-License-Identifier: MIT
//
// Messages of /dev/vmbus/hv_fcopy, which kernels before 6.10 have: the requests of fcopy.ts with names in UTF-8, and a status as
// the answer. The kernel agrees on versions with the host; a program says that it is there.
// Called by: devices/fcopy. Source of the facts: drivers/hv/hv_fcopy.c, include/uapi/linux/hyperv.h.
//
// Registration: u32 1, answered by the same. Requests: start 1088 bytes, write 6196, complete and cancel 36 or more, of which what
// follows the header is left over from something else. Answer: u32 status, within 30 s.

import { decodeWith, encodeWith, type FcopyNames, type FcopyRequest } from './fcopy.js';
import { needBytes, protocolViolation, putUint, viewOf } from './wire-fields.js';

/** The device's name below /dev/vmbus. */
export const fcopyNode = 'hv_fcopy';
/** The version that the kernel waits for; it knows no other. */
const daemonVersion = 1;
/**
 * Bytes of a name from which on the kernel may have left something out: it has room for 259, and skips a character that does not
 * fit. Names of files are shorter anyway.
 */
const doubtfulBytes = 256;
const kernelRoom = 259;

/** What is written first. */
export function encodeFcopyRegistration(): Uint8Array {
  return u32(daemonVersion, 'version');
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL unless this is the kernel's answer to the registration */
export function checkFcopyRegistered(message: Uint8Array): void {
  const view = viewOf(message);
  needBytes(view, 4, 'fcopy', 'answer to the registration');
  const version = view.getUint32(0, true);
  if (version !== daemonVersion)
    throw protocolViolation('fcopy', `the kernel wants version ${version}, there is ${daemonVersion}`, { version });
}

/** The request in a message. Data of a write is a view on it. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeFcopyDevice(message: Uint8Array): FcopyRequest {
  return decodeWith(utf8Names, message);
}

/** A message as the kernel makes it: for a simulated one. @throws TypeError, RangeError */
export function encodeFcopyDevice(request: FcopyRequest): Uint8Array {
  return encodeWith(utf8Names, request);
}

/** The answer to a request. @param status See IcStatus */
export function encodeFcopyStatus(status: number): Uint8Array {
  return u32(status, 'status');
}

/** The status of an answer. @throws VmbusError ERR_VMBUS_PROTOCOL for one of another length, which the kernel refuses */
export function decodeFcopyStatus(message: Uint8Array): number {
  if (message.length !== 4) throw protocolViolation('fcopy', `an answer of ${message.length} bytes, 4 needed`);
  return viewOf(message).getUint32(0, true);
}

const utf8Names: FcopyNames = {
  put(body, offset, fieldBytes, text) {
    const field = body.subarray(offset, offset + fieldBytes).fill(0);
    new TextEncoder().encodeInto(text, field.subarray(0, kernelRoom));
  },
  get(body, offset, fieldBytes) {
    const field = body.subarray(offset, offset + fieldBytes);
    const length = field.indexOf(0);
    if (length < 0) throw protocolViolation('fcopy', 'a start with a name that does not end');
    if (length >= doubtfulBytes)
      throw protocolViolation('fcopy', `a name of ${length} bytes, of which the kernel may have left out some`);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(field.subarray(0, length));
    } catch {
      throw protocolViolation('fcopy', 'a name that is not UTF-8');
    }
  },
};

function u32(value: number, name: string): Uint8Array {
  const bytes = new Uint8Array(4);
  putUint(viewOf(bytes), 0, 32, value, name);
  return bytes;
}

// SPDX-License-Identifier: MIT
//
// Messages of /dev/vmbus/hv_vss, between the kernel and the one program that freezes and thaws for it.
// Shared by devices/vss.ts and tests. Source of the facts: struct hv_vss_msg in include/uapi/linux/hyperv.h,
// drivers/hv/hv_snapshot.c. What goes over the channel to the host is vss.ts.
//
// Twelve bytes either way: u8 operation, 7 bytes reserved, u32 flags. In an answer an i32 error overlays the first four bytes. The
// answer to the registration alone has four.

import { invalidValue } from '../errors.js';
import { needBytes, protocolViolation, viewOf } from './wire-fields.js';

/** Bytes of a message; the kernel refuses to be given more or fewer. */
export const vssDeviceBytes = 12;

/** Registers a program that reads the answer; the older number never gets requests. */
const register = 129;
const registerLegacy = 128;
const flagsOffset = 8;

/** What an answer may say. */
export const VssDeviceError = { none: 0, fail: 0x8000_4005 } as const;

/** A request of the kernel. */
export interface VssDeviceRequest {
  /** See `VssOperation`: only hotBackup, freeze and thaw come up. */
  readonly operation: number;
  readonly flags: number;
}

/** The message that registers a program. */
export const vssRegistration: Uint8Array = Uint8Array.of(register, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

/** @throws VmbusError ERR_VMBUS_PROTOCOL unless the kernel took the registration */
export function checkVssRegistered(message: Uint8Array): void {
  needBytes(viewOf(message), 4, 'vss', 'answer to the registration');
  const answered = viewOf(message).getUint32(0, true);
  if (message.length === 4 && answered === register) return;
  throw protocolViolation('vss', `the registration was answered ${answered} in ${message.length} bytes`, { answered });
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeVssDeviceRequest(message: Uint8Array): VssDeviceRequest {
  needBytes(viewOf(message), vssDeviceBytes, 'vss', 'request');
  const view = viewOf(message);
  return { operation: view.getUint8(0), flags: view.getUint32(flagsOffset, true) };
}

/**
 * An answer. The kernel hands on nothing but the error.
 * @throws TypeError ERR_INVALID_ARG_VALUE for an error that the kernel would take for a registration
 */
export function encodeVssDeviceAnswer(error: number): Uint8Array {
  const lowByte = error & 0xff;
  if (lowByte === register || lowByte === registerLegacy)
    throw invalidValue(
      'error',
      'must not end in 80 or 81 (hex): the kernel takes such an answer for a registration',
      error,
    );
  const message = new Uint8Array(vssDeviceBytes);
  viewOf(message).setInt32(0, error | 0, true);
  return message;
}

// SPDX-License-Identifier: MIT
//
// The codec of the synthetic keyboard: four messages without a pipe header. Decoders check every length and throw
// ERR_VMBUS_PROTOCOL; encoders refuse what does not fit.
// Called by host/providers/keyboard. Key names and their codes: scan-codes.ts.
// Source: drivers/input/serio/hyperv-keyboard.c of the Linux kernel.

import { type Guid, parseGuid } from '../guid.js';
import { needBytes, protocolViolation, putUint, viewOf } from './wire-fields.js';

/** Class of the synthetic keyboard. */
export const keyboardClass: Guid = parseGuid('f912ad6d-2b17-48ea-bd65-f927a61c7684');
/** Instance GUID that the keyboard has on every Hyper-V host. */
export const keyboardInstance: Guid = parseGuid('d34b2567-b9b6-42b9-8778-0a4ec0b955bf');
/** 1.0, the only version there is; major in the upper 16 bits. */
export const keyboardVersion = 0x1_0000;

const service = 'keyboard';
/** No message is longer. */
const mostBytes = 256;

const Type = { protocolRequest: 1, protocolResponse: 2, keystroke: 3, setLeds: 4 } as const;
const accepted = 1;
const Flag = { unicode: 1, release: 2, e0: 4, e1: 8 } as const;
const Led = { scroll: 1, num: 2, caps: 4 } as const;

/** Lights of a keyboard. */
export interface KeyboardLeds {
  readonly scrollLock: boolean;
  readonly numLock: boolean;
  readonly capsLock: boolean;
}

/** What a guest sends. */
export type KeyboardGuestMessage =
  | { readonly kind: 'protocolRequest'; readonly version: number }
  | { readonly kind: 'setLeds'; readonly leds: KeyboardLeds };

/** One key going down or up. */
export interface Keystroke {
  readonly kind: 'keystroke';
  /** Scan code of set 1 without its release bit; a UTF-16 unit where `isUnicode`. 16 bits. */
  readonly code: number;
  /** Prefix byte of the scan code. */
  readonly prefix: 'e0' | 'e1' | null;
  readonly isRelease: boolean;
  /** Pasted text. Linux ignores this and takes the code as a scan code. */
  readonly isUnicode: boolean;
}

/** What a host sends. */
export type KeyboardHostMessage = { readonly kind: 'protocolResponse'; readonly isAccepted: boolean } | Keystroke;

/** @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeKeyboardGuestMessage(payload: Uint8Array): KeyboardGuestMessage {
  const { type, view } = open(payload);
  if (type === Type.protocolRequest) {
    needBytes(view, 8, service, 'protocol request');
    return { kind: 'protocolRequest', version: view.getUint32(4, true) };
  }
  if (type === Type.setLeds) {
    needBytes(view, 6, service, 'LED message');
    const flags = view.getUint16(4, true);
    const isOn = (mask: number): boolean => (flags & mask) !== 0;
    const leds = { scrollLock: isOn(Led.scroll), numLock: isOn(Led.num), capsLock: isOn(Led.caps) };
    return { kind: 'setLeds', leds };
  }
  throw protocolViolation(service, `message of type ${type} from a guest`, { type });
}

/** @throws TypeError, RangeError ERR_OUT_OF_RANGE */
export function encodeKeyboardGuestMessage(message: KeyboardGuestMessage): Uint8Array {
  if (message.kind === 'protocolRequest')
    return build(Type.protocolRequest, 8, (view) => putUint(view, 4, 32, message.version, 'version'));
  const { scrollLock, numLock, capsLock } = message.leds;
  const flags = (scrollLock ? Led.scroll : 0) | (numLock ? Led.num : 0) | (capsLock ? Led.caps : 0);
  return build(Type.setLeds, 8, (view) => view.setUint16(4, flags, true));
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeKeyboardHostMessage(payload: Uint8Array): KeyboardHostMessage {
  const { type, view } = open(payload);
  if (type === Type.protocolResponse) {
    needBytes(view, 8, service, 'protocol response');
    return { kind: 'protocolResponse', isAccepted: (view.getUint32(4, true) & accepted) !== 0 };
  }
  if (type === Type.keystroke) {
    needBytes(view, 12, service, 'keystroke');
    const flags = view.getUint32(8, true);
    const prefixed = (flags & Flag.e1) !== 0 ? 'e1' : null;
    return {
      kind: 'keystroke',
      code: view.getUint16(4, true),
      prefix: (flags & Flag.e0) !== 0 ? 'e0' : prefixed,
      isRelease: (flags & Flag.release) !== 0,
      isUnicode: (flags & Flag.unicode) !== 0,
    };
  }
  throw protocolViolation(service, `message of type ${type} from a host`, { type });
}

/** @throws TypeError, RangeError ERR_OUT_OF_RANGE */
export function encodeKeyboardHostMessage(message: KeyboardHostMessage): Uint8Array {
  if (message.kind === 'protocolResponse')
    return build(Type.protocolResponse, 8, (view) => view.setUint32(4, message.isAccepted ? accepted : 0, true));
  const { prefix, isRelease, isUnicode } = message;
  const prefixFlag = { e0: Flag.e0, e1: Flag.e1, none: 0 }[prefix ?? 'none'];
  return build(Type.keystroke, 12, (view) => {
    putUint(view, 4, 16, message.code, 'code');
    view.setUint32(8, prefixFlag | (isRelease ? Flag.release : 0) | (isUnicode ? Flag.unicode : 0), true);
  });
}

function open(payload: Uint8Array): { readonly type: number; readonly view: DataView } {
  const view = viewOf(payload);
  needBytes(view, 4, service, 'message');
  if (payload.length > mostBytes)
    throw protocolViolation(service, `message of ${payload.length} bytes, at most ${mostBytes} allowed`, {
      bytes: payload.length,
    });
  return { type: view.getUint32(0, true), view };
}

function build(type: number, size: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  fill(view);
  return bytes;
}

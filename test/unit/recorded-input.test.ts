// SPDX-License-Identifier: MIT
//
// What the kernel's hyperv_keyboard and hid_hyperv exchanged with our host. Fields by hand from struct synth_kbd_* of
// drivers/input/serio/hyperv-keyboard.c and struct synthhid_* of drivers/hid/hid-hyperv.c of Linux.

import {
  decodeKeyboardGuestMessage,
  decodeKeyboardHostMessage,
  encodeKeyboardGuestMessage,
  encodeKeyboardHostMessage,
} from '../../dist/protocol/synth-keyboard.js';
import {
  decodeMouseGuestMessage,
  decodeMouseHostMessage,
  encodeMouseGuestMessage,
  encodeMouseHostMessage,
} from '../../dist/protocol/synth-mouse.js';
import { describeRecorded, wireBytes } from './support/wire-vectors.js';

/** The A key of a keyboard with scan code set 1. */
const keyA = { kind: 'keystroke', code: 0x1e, prefix: null, isUnicode: false };

describeRecorded('keyboard', {
  guest: { decode: ({ payload }) => decodeKeyboardGuestMessage(payload), encode: encodeKeyboardGuestMessage },
  host: { decode: ({ payload }) => decodeKeyboardHostMessage(payload), encode: encodeKeyboardHostMessage },
  fields: {
    'guest protocolRequest': { kind: 'protocolRequest', version: 0x1_0000 },
    'host protocolResponse': { kind: 'protocolResponse', isAccepted: true },
    'host keystroke': { ...keyA, isRelease: false },
    'host keystroke release': { ...keyA, isRelease: true },
  },
});

describeRecorded('mouse', {
  guest: { decode: ({ payload }) => decodeMouseGuestMessage(payload), encode: encodeMouseGuestMessage },
  host: { decode: ({ payload }) => decodeMouseHostMessage(payload), encode: encodeMouseHostMessage },
  fields: {
    'guest protocolRequest': { kind: 'protocolRequest', version: 0x2_0000 },
    'guest deviceInfoAck': { kind: 'deviceInfoAck' },
    'host protocolResponse': { kind: 'protocolResponse', version: 0x2_0000, isAccepted: true },
    'host deviceInfo': {
      kind: 'deviceInfo',
      vendor: 0x045e,
      product: 0x0621,
      version: 1,
      reportDescriptor: wireBytes(
        '05010902a1010901a100 05091901290515002501950575018102 950175038103' +
          '050109300931150026ff7f751095028102 05010938160180 26ff7f751095018106 c0c0',
      ),
    },
    // Buttons, then x and y in 32767ths of the screen (a quarter, three quarters), then the wheel.
    'host inputReport buttons 0': { kind: 'inputReport', report: wireBytes('00 ff1f ff5f 0000') },
    'host inputReport buttons 1': { kind: 'inputReport', report: wireBytes('01 ff1f ff5f 0000') },
    'host inputReport buttons 0 wheel': { kind: 'inputReport', report: wireBytes('00 ff1f ff5f ffff') },
  },
});

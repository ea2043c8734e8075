// SPDX-License-Identifier: MIT
//
// What the kernel's hv_vmbus said to our host's control path, and what it was told. Fields by hand from struct
// vmbus_channel_* in include/linux/hyperv.h of Linux. Our codec decodes the guest and encodes the host, never the other way.

import assert from 'node:assert/strict';
import { guidFromBytes, parseGuid } from '../../dist/guid.js';
import { decodeGuestMessage } from '../../dist/protocol/control/guest-messages.js';
import * as host from '../../dist/protocol/control/host-messages.js';
import { describeRecorded, wireBytes } from './support/wire-vectors.js';

const none = wireBytes('00*120');
const card = {
  classGuid: parseGuid('f8615163-df3e-46c5-913f-f2d2f965ed0e'),
  instanceGuid: guidFromBytes(wireBytes('3306d67c5f13744b9ba22bd59eeb3c26')),
};
const offer = {
  flags: 0,
  mmioMegabytes: 0,
  userData: none,
  subchannelIndex: 0,
  relid: 1,
  monitorId: null,
  connectionId: 0x2001,
};
/** 64-bit page numbers one after the other, as they stand in a list of pages. */
function pages(first: number, count: number): Uint8Array {
  return new Uint8Array(BigUint64Array.from({ length: count }, (_, i) => BigInt(first + i)).buffer);
}

/** A range of whole pages: u32 bytes, u32 offset, page numbers. */
function range(bytes: number, numbers: Uint8Array): Uint8Array {
  return new Uint8Array([...new Uint8Array(Uint32Array.of(bytes, 0).buffer), ...numbers]);
}

describeRecorded('control', {
  guest: {
    decode({ name, payload }) {
      const message = decodeGuestMessage(payload);
      assert.ok(typeof message !== 'string', `${name}: ${message}`);
      return message;
    },
  },
  fields: {
    'guest initiateContact version 5.3': {
      type: 14,
      version: 0x5_0003,
      processor: 0,
      sint: 2,
      monitorToGuest: 0x1f00_1000,
      monitorToHost: 0x1f00_0000,
    },
    // It may have feature flags at 20, which are zero here. Our host refuses it, and the kernel goes down to 5.3.
    'guest initiateContact version 6.0': {
      type: 14,
      version: 0x6_0000,
      processor: 0,
      sint: 2,
      monitorToGuest: 0x4d9_4000,
      monitorToHost: 0x4d9_5000,
    },
    'guest requestOffers 8 bytes': { type: 3 },
    'guest gpadlHeader whole': {
      type: 8,
      relid: 1,
      gpadl: 0xe_1e10,
      rangeBytes: 88,
      rangeCount: 1,
      ranges: range(0xa000, pages(0x1_fea0, 10)),
    },
    'guest gpadlHeader with bodies': {
      type: 8,
      relid: 1,
      gpadl: 0xe_1e10,
      rangeBytes: 8 + 8 * 256,
      rangeCount: 1,
      ranges: range(0x10_0000, pages(0x1_f100, 26)),
    },
    'guest gpadlBody full': { type: 9, gpadl: 0xe_1e10, ranges: pages(0x1_f11a, 28) },
    'guest gpadlBody last': { type: 9, gpadl: 0xe_1e10, ranges: pages(0x1_f1fa, 6) },
    'guest gpadlTeardown 16 bytes': { type: 11, relid: 3, gpadl: 0xe_1e13 },
    'guest open': { type: 5, relid: 1, openId: 1, gpadl: 0xe_1e10, processor: 0, splitPage: 128, userData: none },
    'guest close 12 bytes': { type: 7, relid: 3 },
    'guest relidReleased 12 bytes': { type: 13, relid: 3 },
    'guest socketConnect 40 bytes': {
      type: 21,
      endpoint: guidFromBytes(wireBytes('bb79fe44cbfae611bd5864006a7986d3')),
      service: parseGuid('00001388-facb-11e6-bd58-64006a7986d3'), // port 5000
    },
  },
  made: {
    'host versionResponse accepted': host.encodeVersionResponse(true, 4),
    'host versionResponse refused': host.encodeVersionResponse(false, 0),
    'host offer flags 0': host.encodeOffer({ ...card, ...offer }),
    'host offer flags 0 subchannel': host.encodeOffer({
      ...card,
      ...offer,
      subchannelIndex: 1,
      relid: 3,
      connectionId: 0x2003,
    }),
    'host offer flags 10': host.encodeOffer({
      ...offer,
      classGuid: parseGuid('cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a'),
      instanceGuid: parseGuid('58f75a6d-d949-4320-99e1-a2a2576d581c'),
      flags: 0x10,
      userData: wireBytes('04000000'),
      relid: 2,
      connectionId: 0x2002,
    }),
    'host offer flags 11': host.encodeOffer({
      ...offer,
      classGuid: parseGuid('57164f39-9115-4e78-ab55-382f3bd5422d'),
      instanceGuid: parseGuid('fd149e91-82e0-4a7d-afa6-2a4166cbd7c0'),
      flags: 0x11,
      userData: wireBytes('04000000'),
    }),
    'host offer flags 0 monitored': host.encodeOffer({
      ...offer,
      classGuid: card.classGuid,
      instanceGuid: parseGuid('00000000-0000-0000-0000-000000000009'),
      monitorId: 9,
    }),
    'host offer flags 0 subchannel monitored': host.encodeOffer({
      ...offer,
      classGuid: parseGuid('6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f5'),
      instanceGuid: parseGuid('00000000-0000-0000-0000-000000000001'),
      subchannelIndex: 1,
      monitorId: 5,
      relid: 4,
      connectionId: 0x2004,
    }),
    'host offer flags 1': host.encodeOffer({
      ...offer,
      classGuid: parseGuid('32412632-86cb-44a2-9b5c-50d1417354f5'),
      instanceGuid: parseGuid('00000000-0000-8899-0000-000000000000'),
      flags: 1,
      userData: wireBytes('00000000 00000000 02'),
    }),
    'host offer flags 2011': host.encodeOffer({
      ...offer,
      classGuid: parseGuid('00001388-facb-11e6-bd58-64006a7986d3'),
      instanceGuid: guidFromBytes(wireBytes('bb79fe44cbfae611bd5864006a7986d3')),
      flags: 0x2011,
      userData: wireBytes('00000000 0000 01'),
    }),
    'host offer flags 2011 from host': host.encodeOffer({
      ...offer,
      classGuid: parseGuid('00000400-facb-11e6-bd58-64006a7986d3'),
      instanceGuid: guidFromBytes(wireBytes('40cbcfade6ee7149b9bac948a9f7971f')),
      flags: 0x2011,
      userData: wireBytes('00000000 0100 01'),
      relid: 2,
      connectionId: 0x2002,
    }),
    'host allOffersDelivered 8 bytes': host.encodeAllOffersDelivered(),
    'host gpadlCreated 20 bytes': host.encodeGpadlCreated(1, 0xe_1e10, 0),
    'host gpadlTorndown 12 bytes': host.encodeGpadlTorndown(0xe_1e13),
    'host openResult 20 bytes': host.encodeOpenResult(1, 1, 0),
    'host rescind 12 bytes': host.encodeRescind(3),
    'host socketConnectResult status c0000236': host.encodeSocketConnectResult(
      guidFromBytes(wireBytes('bc79fe44cbfae611bd5864006a7986d3')),
      parseGuid('0000176f-facb-11e6-bd58-64006a7986d3'), // port 5999
      0xc000_0236,
    ),
  },
});

// SPDX-License-Identifier: MIT
//
// What the kernel's hv_balloon exchanged with our host. Fields by hand from the dm_* structures of drivers/hv/hv_balloon.c of
// Linux: type, size, transaction id; ranges have 40 bits of first page and 24 bits of pages.

import {
  decodeGuestMessage,
  decodeHostMessage,
  encodeGuestMessage,
  encodeHostMessage,
} from '../../dist/protocol/dynamic-memory.js';
import { describeRecorded } from './support/wire-vectors.js';

/** Two mebibytes from a page on. */
const block = (firstPage: number) => ({ firstPage: BigInt(firstPage), pageCount: 512 });

describeRecorded('dynamic-memory', {
  guest: { decode: ({ payload }) => decodeGuestMessage(payload), encode: encodeGuestMessage },
  host: { decode: ({ payload }) => decodeHostMessage(payload), encode: encodeHostMessage },
  fields: {
    'guest versionRequest 20000': {
      kind: 'versionRequest',
      transactionId: 1,
      version: 0x2_0000,
      isLastAttempt: false,
    },
    'host versionResponse': { kind: 'versionResponse', transactionId: 1, isAccepted: true },
    'guest capabilitiesReport': {
      kind: 'capabilitiesReport',
      transactionId: 2,
      capabilities: { balloon: true, hotAdd: true, hotAddAlignment: 7, hotRemove: false },
      minPageCount: 0n,
      maxPageNumber: 0xffff_ffff_ffff_ffffn,
    },
    'host capabilitiesResponse': {
      kind: 'capabilitiesResponse',
      transactionId: 2,
      isAccepted: true,
      hotRemove: true,
      suppressReports: false,
    },
    'guest statusReport': {
      kind: 'statusReport',
      transactionId: 3,
      availablePages: 0x1_9441n,
      committedPages: 0xaad2n,
      pageFilePages: 0n,
      zeroAndFreePages: 0n,
      pageFileWrites: 0,
      ioDifference: 0,
    },
    'host balloonRequest': { kind: 'balloonRequest', transactionId: 0, pageCount: 0x4000 },
    'guest balloonResponse last': {
      kind: 'balloonResponse',
      transactionId: 3,
      moreToCome: false,
      ranges: Array.from({ length: 32 }, (_, i) => block(0x6200 + 0x200 * i)),
    },
    'host unballoonRequest more to come': {
      kind: 'unballoonRequest',
      transactionId: 1,
      moreToCome: true,
      ranges: [block(0x6200)],
    },
    'host unballoonRequest last': {
      kind: 'unballoonRequest',
      transactionId: 1,
      moreToCome: false,
      ranges: [block(0xa000)],
    },
    'guest unballoonResponse': { kind: 'unballoonResponse', transactionId: 4 },
  },
});

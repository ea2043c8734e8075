// SPDX-License-Identifier: MIT
//
// What the kernel's hv_netvsc exchanged with our host about the card: NVSP. Fields by hand from struct nvsp_message and what
// is in it, drivers/net/hyperv/hyperv_net.h of Linux.

import {
  decodeNvspGuestMessage,
  decodeNvspHostMessage,
  encodeNvspGuestMessage,
  encodeNvspHostMessage,
} from '../../dist/protocol/nvsp.js';
import { describeRecorded } from './support/wire-vectors.js';

const noSection = 0xffff_ffff;

describeRecorded('nvsp', {
  guest: { decode: ({ payload }) => decodeNvspGuestMessage(payload), encode: encodeNvspGuestMessage },
  host: { decode: ({ payload }) => decodeNvspHostMessage(payload), encode: encodeNvspHostMessage },
  fields: {
    'guest init version 60001': { kind: 'init', minVersion: 0x6_0001, maxVersion: 0x6_0001 },
    'host initComplete 40 bytes': { kind: 'initComplete', legacyVersion: 0xffff_ffff, maxMdlChain: 34, status: 1 },
    // 1500 and the Ethernet header; VLAN, teaming, receive coalescing and SR-IOV.
    'guest ndisConfig 40 bytes': { kind: 'ndisConfig', mtu: 1514, capabilities: 0xacn },
    'guest ndisVersion 40 bytes': { kind: 'ndisVersion', major: 6, minor: 30 },
    'guest receiveBuffer 40 bytes': { kind: 'receiveBuffer', gpadl: 0xe_1e11, bufferId: 0xcafe },
    'host receiveBufferComplete 40 bytes': {
      kind: 'receiveBufferComplete',
      status: 1,
      sections: [{ offset: 0, sectionBytes: 1806, count: 9289, endOffset: 0xff_fafe }],
    },
    'guest sendBuffer 40 bytes': { kind: 'sendBuffer', gpadl: 0xe_1e12, bufferId: 0 },
    'host sendBufferComplete 40 bytes': { kind: 'sendBufferComplete', status: 1, sectionBytes: 0x1800 },
    'guest revokeReceiveBuffer 40 bytes': { kind: 'revokeReceiveBuffer', bufferId: 0xcafe },
    'guest revokeSendBuffer 40 bytes': { kind: 'revokeSendBuffer', bufferId: 0 },
    'guest subchannel 40 bytes': { kind: 'subchannel', operation: 1, count: 1 },
    'host subchannel 40 bytes': { kind: 'subchannel', status: 1, count: 1 },
    'host indirectionTable 76 bytes': {
      kind: 'indirectionTable',
      entries: [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
    },
    'guest rndisPacket control, no section, 40 bytes': {
      kind: 'rndisPacket',
      channelType: 1,
      sectionIndex: noSection,
      sectionBytes: 0,
    },
    'guest rndisPacket data, section, 40 bytes': {
      kind: 'rndisPacket',
      channelType: 0,
      sectionIndex: 0,
      sectionBytes: 150,
    },
    'host rndisPacket control, no section, 40 bytes': {
      kind: 'rndisPacket',
      channelType: 1,
      sectionIndex: noSection,
      sectionBytes: 0,
    },
    'host rndisPacket data, no section, 40 bytes': {
      kind: 'rndisPacket',
      channelType: 0,
      sectionIndex: noSection,
      sectionBytes: 0,
    },
    'guest rndisPacketComplete 8 bytes': { kind: 'rndisPacketComplete', status: 1 },
    'host rndisPacketComplete 40 bytes': { kind: 'rndisPacketComplete', status: 1 },
  },
});

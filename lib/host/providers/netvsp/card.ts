// SPDX-License-Identifier: MIT
//
// What a network card is in one opening, apart from its channels: version, addresses, filter, how flows are spread.
// Written by nvsp-control.ts and rndis-device.ts, read by nic.ts.

import { isBroadcastMac, isGroupMac, macNumber } from '../../../protocol/ethernet/address.js';
import { PacketFilter } from '../../../protocol/rndis.js';
import type { SharedBuffer } from '../../types.js';
import type { FlowHash } from './flow-hash.js';
import type { NicPlan } from './nic-plan.js';
import type { ReceiveBuffer } from './receive-buffer.js';

/** How arriving frames are spread over the channels. */
export interface FlowSpread {
  readonly hash: FlowHash;
  /** Channel by hash. */
  readonly table: readonly number[];
}

/** Longest frame that a guest may have when it says nothing, or nonsense. */
export const defaultFrameBytes = 1514;

/** State of one opening. */
export class Card {
  readonly plan: NicPlan;
  /** Agreed on; 0 before that. */
  version = 0;
  /** Longest frame with its header but without a tag, as the guest has configured it; null before it did. */
  frameBytes: number | null = null;
  /** VLAN tags travel beside frames; else in them. */
  hasVlans = false;
  receiveBuffer: ReceiveBuffer | null = null;
  sendBuffer: SharedBuffer | null = null;
  /** RNDIS has been initialised. */
  isInitialized = false;
  /** See {@link PacketFilter}. */
  filter = 0;
  mac: Uint8Array;
  /** Groups that the guest listens to. */
  groups: ReadonlySet<number> = new Set();
  spread: FlowSpread | null = null;

  constructor(plan: NicPlan) {
    this.plan = plan;
    this.mac = plan.mac;
  }

  /** Whether the guest takes frames. */
  get isUp(): boolean {
    return this.isInitialized && this.filter !== 0;
  }

  /** Forgets what RNDIS was told. */
  reset(options: { readonly isInitialized: boolean }): void {
    this.isInitialized = options.isInitialized;
    this.filter = 0;
    this.groups = new Set();
    this.spread = null;
  }

  /** Whether a frame is for the guest. */
  wants(frame: Uint8Array): boolean {
    const { filter } = this;
    if ((filter & PacketFilter.promiscuous) !== 0) return true;
    if (!isGroupMac(frame)) return (filter & PacketFilter.directed) !== 0 && macNumber(frame) === macNumber(this.mac);
    if (isBroadcastMac(frame)) return (filter & PacketFilter.broadcast) !== 0;
    if ((filter & PacketFilter.allMulticast) !== 0) return true;
    return (filter & PacketFilter.multicast) !== 0 && this.groups.has(macNumber(frame));
  }
}

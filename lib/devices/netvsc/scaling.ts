// SPDX-License-Identifier: MIT
//
// Several channels: asks the host for them, waits until the kernel has opened them, and spreads flows over all.
// Called by: session.ts. Source: netvsc_subchan_work, rndis_filter_set_rss_param of the Linux kernel.

import type { ChannelCore } from '../../channel/channel-core.js';
import { placeOf } from '../../channel/share.js';
import { openSubchannel } from '../../channel/subchannel.js';
import { waitForOffers } from '../../channel/subchannel-offers.js';
import { VmbusError } from '../../errors.js';
import type { Patience } from '../../limit.js';
import { protocolViolation } from '../../protocol/message-fields.js';
import { NvspStatus, NvspVersion } from '../../protocol/nvsp.js';
import {
  decodeScalingCapabilities,
  encodeNdisObject,
  encodeScalingParameters,
  HashBit,
  mostScalingEntries,
  Oid,
} from '../../protocol/rndis.js';
import type { NicControl } from './control.js';

const allocate = 1;
const capabilitiesType = 0x88;
const capabilitiesBytes = 18;
/** The key that Microsoft publishes for verifying hashes; every driver of Linux uses it. */
const hashKey: Uint8Array = Uint8Array.from(
  Buffer.from('6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa', 'hex'),
);

/** How many channels the card can have at most, with the primary one. */
async function mostQueues(control: NicControl): Promise<{ readonly queues: number; readonly entries: number }> {
  const ask = new Uint8Array(capabilitiesBytes);
  ask.set(encodeNdisObject({ type: capabilitiesType, revision: 2, sizeBytes: capabilitiesBytes }));
  const info = await control.query(Oid.scalingCapabilities, ask);
  if (info === null) return { queues: 1, entries: 0 };
  const { receiveQueues, tableEntries } = decodeScalingCapabilities(info);
  return { queues: Math.max(1, receiveQueues), entries: Math.min(tableEntries, mostScalingEntries) };
}

/** Asks for up to `wanted` channels in all. Answers how many there are, and the entries of the card's table. */
export async function requestQueues(
  control: NicControl,
  wanted: number,
): Promise<{ readonly granted: number; readonly entries: number }> {
  if (wanted === 1 || control.version < NvspVersion.v5) return { granted: 1, entries: 0 };
  const { queues, entries } = await mostQueues(control);
  const count = Math.min(wanted, queues) - 1;
  if (count < 1) return { granted: 1, entries };
  const answer = await control.nvsp({ kind: 'subchannel', operation: allocate, count }, 'subchannel');
  // The host refused; the primary channel is as good as before.
  if (answer.status !== NvspStatus.success) return { granted: 1, entries };
  if (answer.count > count)
    throw protocolViolation('nvsp', `${answer.count} subchannels granted where ${count} were wanted`);
  return { granted: answer.count + 1, entries };
}

/** How long a step of it may take. */
export type ScalingLimits = Patience & { readonly timeoutMs: number };

/**
 * Waits until the host has offered what it granted. Relids by the index of their queue, 1 … granted - 1.
 * @throws VmbusError ERR_VMBUS_TIMEOUT; the signal's reason
 */
export async function grantedRelids(
  primary: ChannelCore,
  granted: number,
  limits: ScalingLimits,
): Promise<ReadonlyMap<number, number>> {
  if (granted === 1) return new Map();
  const relids = await waitForOffers(primary, placeOf(primary, 'openNic'), granted - 1, limits);
  if (relids.size < granted - 1) throw lateOffers(primary, relids.size, granted - 1, limits.timeoutMs);
  return relids;
}

/** Opens a subchannel without a face. */
export function openQueueChannel(
  primary: ChannelCore,
  relid: number,
  { signal, timeoutMs }: ScalingLimits,
): Promise<ChannelCore> {
  return openSubchannel(primary, relid, { timeoutMs, ...(signal ? { signal } : {}) });
}

/** Spreads flows over all channels in turn. */
export async function spreadFlows(control: NicControl, queues: number, entries: number): Promise<void> {
  if (queues === 1 || entries === 0) return;
  const table = Array.from({ length: entries }, (_, i) => i % queues);
  const hashInfo = HashBit.toeplitz | HashBit.ipv4 | HashBit.tcpIpv4 | HashBit.ipv6 | HashBit.tcpIpv6;
  await control.set(
    Oid.scalingParameters,
    encodeScalingParameters({ isDisabled: false, hashInfo, table, key: hashKey }),
  );
}

function lateOffers(primary: ChannelCore, have: number, granted: number, timeoutMs: number): VmbusError {
  const text = `The host granted ${granted} subchannels and offered ${have} after ${timeoutMs} ms`;
  return new VmbusError('ERR_VMBUS_TIMEOUT', text, {
    device: primary.device,
    channel: primary.relid,
    facts: { timeoutMs, granted, offered: have },
    hint: `hv channels ${primary.device}; open the card with { queues: 1 } where it stays so`,
  });
}

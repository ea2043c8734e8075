// SPDX-License-Identifier: MIT
//
// The synthetic network card: NVSP and RNDIS to the guest, Ethernet frames to a switch in memory.
// Called by: scripts, by-name.ts. Each opening is a netvsp/nic.ts; the switch is netvsp/network-switch.ts.
// Address, cable and counters outlive openings; everything else begins anew when the guest opens the channel.

import { type Guid, parseGuid } from '../../guid.js';
import { formatMac } from '../../protocol/ethernet/address.js';
import { netClass } from '../../protocol/nvsp.js';
import type { HostChannel, Provider, ProviderSession } from '../types.js';
import { Listeners, type WaitOptions } from './listeners.js';
import type { NetworkPeer } from './netvsp/network-peer.js';
import type { NetworkSwitch, SwitchPort } from './netvsp/network-switch.js';
import { Nic } from './netvsp/nic.js';
import { type NetvspOptions, type NicPlan, planNic } from './netvsp/nic-plan.js';
import { type NetvspStatistics, NicCounters } from './netvsp/nic-statistics.js';

/** Where the guest is: closed, talking about version and buffers, able to ask and tell, taking frames. */
export type NetvspState = 'closed' | 'negotiating' | 'initialized' | 'up';

/** What a network card tells whoever plays with it. */
export type NetvspEvent =
  | { readonly kind: 'state'; readonly state: NetvspState }
  /** Channels open now. */
  | { readonly kind: 'channels'; readonly channels: number }
  | { readonly kind: 'link'; readonly isConnected: boolean }
  /** The guest did something odd that does not end the channel. */
  | { readonly kind: 'warning'; readonly text: string };

/** A network card, and what can be done with it. */
export interface NetvspProvider extends Provider {
  /** The card's own address; the guest may have set another. */
  readonly mac: string;
  readonly state: NetvspState;
  /** Version of NVSP that the guest agreed on, such as 0x60001; null before. */
  readonly version: number | null;
  /** Channels that the guest has open, the primary and subchannels. */
  readonly channels: number;
  /** What the cable goes to. */
  readonly network: NetworkSwitch;
  /** The neighbour that the option `peer` made. */
  readonly peer: NetworkPeer | null;
  readonly isConnected: boolean;
  readonly statistics: NetvspStatistics;
  /** Puts the cable in; the guest is told. */
  connect(): void;
  /** Takes the cable out: nothing passes in either direction, and the guest is told. */
  disconnect(): void;
  /** Resolves when the guest takes frames. @throws VmbusError ERR_VMBUS_TIMEOUT, the signal's reason */
  ready(options?: WaitOptions): Promise<void>;
  /** Answers each event from now on; a function that ends it. */
  subscribe(listener: (event: NetvspEvent) => void): () => void;
  /** The same as an iteration; ends on abort. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<NetvspEvent>;
}

/**
 * A synthetic network card.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE
 * @example
 * const nic = netvsp({ peer: '10.9.9.1/24', queues: 2 }); // the guest gets an address by DHCP and can ping 10.9.9.1
 * await nic.ready({ timeoutMs: 60_000 }); // the guest brought it up
 * nic.disconnect(); // the guest sees the cable go
 * for await (const frame of nic.network.port().frames) console.log(frame); // whatever is on the wire
 */
export function netvsp(options: NetvspOptions = {}): NetvspProvider {
  return new Netvsp(planNic(options), options);
}

/** As uio_hv_generic makes them. */
const uioBufferBytes = { receive: 31 * 1024 * 1024, send: 16 * 1024 * 1024 } as const;
const deaf: ProviderSession = { onPacket: () => undefined };

class Netvsp implements NetvspProvider {
  readonly name: string;
  readonly classGuid: Guid = netClass;
  readonly instanceGuid?: Guid;
  readonly monitorId?: number;
  readonly ringBytes?: number;
  readonly bufferBytes: { readonly receive: number; readonly send: number } = uioBufferBytes;
  readonly network: NetworkSwitch;
  readonly peer: NetworkPeer | null;
  readonly #plan: NicPlan;
  readonly #listeners = new Listeners<NetvspEvent>();
  readonly #counters = new NicCounters();
  readonly #port: SwitchPort;
  #nic: Nic | null = null;
  #isConnected: boolean;
  #told: { readonly state: NetvspState; readonly channels: number } = { state: 'closed', channels: 0 };

  constructor(plan: NicPlan, options: NetvspOptions) {
    this.#plan = plan;
    this.name = plan.name;
    if (options.instanceGuid !== undefined) this.instanceGuid = parseGuid(options.instanceGuid, 'instanceGuid');
    if (options.monitorId !== undefined) this.monitorId = options.monitorId;
    if (options.ringBytes !== undefined) this.ringBytes = options.ringBytes;
    this.network = plan.network;
    this.peer = plan.peer;
    this.#isConnected = plan.connected;
    this.#port = this.network.connect({ name: plan.name, deliver: (frame) => this.#deliver(frame) });
    if (plan.peer) this.network.connect(plan.peer);
  }

  get mac(): string {
    return formatMac(this.#plan.mac);
  }

  get state(): NetvspState {
    const card = this.#nic?.card;
    if (!card) return 'closed';
    if (card.isUp) return 'up';
    return card.isInitialized ? 'initialized' : 'negotiating';
  }

  get version(): number | null {
    return this.#nic?.card.version || null;
  }

  get channels(): number {
    return this.#nic?.channels ?? 0;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get statistics(): NetvspStatistics {
    const { sent, received, dropped, refused, lost, malformed, channels } = this.#counters;
    return {
      sent: { ...sent },
      received: { ...received },
      dropped,
      refused,
      lost,
      malformed,
      waiting: this.#nic?.waiting ?? 0,
      held: this.#nic?.card.receiveBuffer?.held ?? 0,
      channels: channels.map((channel) => ({ ...channel })),
    };
  }

  connect(): void {
    this.#setLink(true);
  }

  disconnect(): void {
    this.#setLink(false);
  }

  async ready(options: WaitOptions = {}): Promise<void> {
    if (this.state === 'up') return;
    await this.#listeners.wait(() => this.state === 'up', 'no guest brought the network card up', options);
  }

  subscribe(listener: (event: NetvspEvent) => void): () => void {
    return this.#listeners.subscribe(listener);
  }

  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<NetvspEvent> {
    return this.#listeners.events(options);
  }

  onOpen(channel: HostChannel): ProviderSession {
    // A subchannel may be opened while its primary is going away.
    if (channel.subchannelIndex > 0) return this.#nic?.openSubchannel(channel) ?? deaf;
    const nic: Nic = new Nic(
      channel,
      this.#plan,
      this.#hooks(() => this.#closed(nic)),
    );
    this.#nic = nic;
    this.#tellChanges();
    return nic.primary;
  }

  #hooks(closed: () => void): ConstructorParameters<typeof Nic>[2] {
    const card = this;
    return {
      counters: this.#counters,
      get isConnected() {
        return card.#isConnected;
      },
      send: (frame) => this.#port.send(frame),
      changed: () => this.#tellChanges(),
      warn: (text) => this.#listeners.tell({ kind: 'warning', text }),
      closed,
    };
  }

  #deliver(frame: Uint8Array): void {
    if (this.#nic) this.#nic.deliver(frame);
    else this.#counters.refused += 1;
  }

  #setLink(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return;
    this.#isConnected = isConnected;
    this.#nic?.indicateLink();
    this.#listeners.tell({ kind: 'link', isConnected });
  }

  #closed(nic: Nic): void {
    if (this.#nic !== nic) return;
    this.#nic = null;
    this.#tellChanges();
  }

  #tellChanges(): void {
    const { state, channels } = this;
    const before = this.#told;
    this.#told = { state, channels };
    if (state !== before.state) this.#listeners.tell({ kind: 'state', state });
    if (channels !== before.channels) this.#listeners.tell({ kind: 'channels', channels });
  }
}

// SPDX-License-Identifier: MIT
//
// One channel of a simulated device: its folder `channels/<relid>/`, its ring while a node is served, and the host's end
// while it is open.
// Called by: local/device.ts. Calls: local/tree.ts, local/attributes.ts, host-channel.ts.

import { type FSWatcher, watch } from 'node:fs';

import { Inspect } from '../../native/binding.js';
import { type ChannelSeat, RingHostChannel } from '../host-channel.js';
import type { RingEnd } from '../ring-end.js';
import type { ProviderSession } from '../types.js';
import { channelTexts, type RingFacts } from './attributes.js';
import type { Tree } from './tree.js';

/** What a channel is made of. */
export interface ChannelPlan {
  readonly tree: Tree;
  /** Folder of the device, relative to the root. */
  readonly deviceFolder: string;
  readonly relid: number;
  readonly subchannelIndex: number;
  readonly monitorId: number | null;
  readonly cpu: number;
  readonly cpus: number;
  /** The interrupts moved to another CPU. */
  onCpu(): void;
}

/** A channel, open or not. */
export class ChannelRecord {
  readonly relid: number;
  readonly subchannelIndex: number;
  readonly folder: string;
  readonly #plan: ChannelPlan;
  readonly #watcher: FSWatcher;
  /** Number of the ring pair of the node; null where no node is served. */
  ring: number | null = null;
  #cpu: number;
  #host: RingHostChannel | null = null;
  #end: RingEnd | null = null;
  #facts: RingFacts = null;
  /** Interrupts over rings that are gone, and over the present ones in all their openings. */
  #interruptsBefore = 0;
  #interruptsNow = 0;
  #events = 0;

  /** Makes the folder. */
  constructor(plan: ChannelPlan) {
    this.#plan = plan;
    this.relid = plan.relid;
    this.subchannelIndex = plan.subchannelIndex;
    this.#cpu = plan.cpu;
    this.folder = `${plan.deviceFolder}/channels/${plan.relid}`;
    plan.tree.folder(this.folder);
    this.refresh();
    plan.tree.putInPlace(`${this.folder}/cpu`, `${this.#cpu}\n`);
    this.#watcher = watch(plan.tree.path(`${this.folder}/cpu`), { persistent: false }, () => this.#onCpuFile());
  }

  get cpu(): number {
    return this.#cpu;
  }

  get host(): RingHostChannel | null {
    return this.#host;
  }

  /** Interrupts given to the guest so far. */
  get interrupts(): number {
    return this.#interruptsBefore + this.#interruptsNow;
  }

  /** Ring words of the last look; null before the first opening. */
  get facts(): RingFacts {
    return this.#facts;
  }

  /** The guest made a hypercall for this channel. */
  countEvent(): void {
    this.#events += 1;
  }

  /** Shows the ring's memory as `ring`. */
  showRing(path: string): void {
    this.#plan.tree.linkOutside(`${this.folder}/ring`, path);
  }

  hideRing(): void {
    this.#plan.tree.remove(`${this.folder}/ring`);
    this.ring = null;
    this.#interruptsBefore = this.interrupts;
    this.#interruptsNow = 0;
  }

  /** Begins an opening: `onOpen` gives the session. */
  open(end: RingEnd, seat: ChannelSeat, onOpen: (channel: RingHostChannel) => ProviderSession): void {
    const host = new RingHostChannel(end, seat);
    this.#end = end;
    this.#host = host;
    this.look();
    try {
      host.start(onOpen(host));
    } catch (error) {
      seat.broke(error);
    }
  }

  /** Ends an opening; the ring words stay as they were last, as in the kernel. */
  close(): void {
    this.look();
    const host = this.#host;
    this.#end = null;
    this.#host = null;
    host?.close();
  }

  /** Reads the ring words. */
  look(): void {
    if (!this.#end) return;
    const facts = new Float64Array(Inspect.words);
    if (this.#end.inspect(facts) < 0) return;
    this.#facts = facts;
    this.#interruptsNow = facts[Inspect.doorbells] ?? 0;
  }

  /** Writes the attributes that changed. */
  refresh(): void {
    this.look();
    const { tree, monitorId, subchannelIndex } = this.#plan;
    const shown = { subchannelIndex, monitorId, interrupts: this.interrupts, events: this.#events };
    for (const [name, text] of Object.entries(channelTexts(shown, this.#facts)))
      tree.put(`${this.folder}/${name}`, text);
  }

  /** Removes the folder. */
  dispose(): void {
    this.close();
    this.#watcher.close();
    this.#plan.tree.remove(this.folder);
  }

  /** A regular file cannot refuse a write as the kernel does: what is not allowed is put back. */
  #onCpuFile(): void {
    const { tree } = this.#plan;
    const text = tree.read(`${this.folder}/cpu`);
    if (text === null || text === '') return;
    const wanted = /^\d+/.exec(text);
    const cpu = wanted ? Number(wanted[0]) : Number.NaN;
    const isAllowed = this.#host !== null && cpu < this.#plan.cpus;
    const isMoved = isAllowed && cpu !== this.#cpu;
    if (isMoved) this.#cpu = cpu;
    tree.putInPlace(`${this.folder}/cpu`, `${this.#cpu}\n`);
    if (isMoved) this.#plan.onCpu();
  }
}

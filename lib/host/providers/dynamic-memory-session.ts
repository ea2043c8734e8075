// SPDX-License-Identifier: MIT
//
// One opening of a dynamic memory device: the state machine of QEMU's hv-balloon, and its judgement of hostile answers: it
// warns and ignores, it never fails.
// Called by: dynamic-memory.ts, host-channel.ts. Source: hw/hyperv/hv-balloon.c of QEMU.

import {
  type BalloonResponse,
  decodeGuestMessage,
  encodeHostMessage,
  type HotAddResponse,
  type MemoryCapabilities,
  type MemoryGuestMessage,
  type MemoryHostMessage,
  MemoryVersion,
  type PageRange,
  type StatusReport,
} from '../../protocol/dynamic-memory.js';
import type { HostChannel, HostPacket, ProviderSession } from '../types.js';
import type { DynamicMemoryEvent, DynamicMemoryPlan, DynamicMemoryState } from './dynamic-memory.js';
import { GuestPages } from './dynamic-memory-pages.js';

/** Most pages asked for at once: 2288 MiB. */
const mostBalloonPages = 585_728;
/** Most pages given back or added in one message: 2 GiB. */
const mostReturnPages = 524_288;
const pagesPerMiB = 256;

/** What the session tells its device. */
export interface SessionHooks {
  /** Memory added in earlier openings. */
  readonly added: readonly PageRange[];
  tell(event: DynamicMemoryEvent): void;
  closed(added: readonly PageRange[]): void;
}

/** The host's side of one opening. */
export class DynamicMemorySession implements ProviderSession {
  readonly pages: GuestPages;
  readonly #channel: HostChannel;
  readonly #plan: DynamicMemoryPlan;
  readonly #hooks: SessionHooks;
  #state: DynamicMemoryState = 'version';
  #capabilities: MemoryCapabilities | null = null;
  #lastReport: StatusReport | null = null;
  #timer: NodeJS.Timeout | null = null;
  #target: number | null = null;
  /** Own transaction id: one more for each operation that is over. */
  #transactionId = 0;
  /** Pages of the running operation: asked for, or added. */
  #asked = 0;
  #received = 0;
  /** Memory offered in the running hot add. */
  #offered: PageRange = { firstPage: 0n, pageCount: 0 };
  /** Hot-adding failed: never again in this opening. */
  #mayHotAdd = true;
  /** A message that did not fit the ring. */
  #unsent: MemoryHostMessage | null = null;

  constructor(channel: HostChannel, plan: DynamicMemoryPlan, hooks: SessionHooks) {
    this.#channel = channel;
    this.#plan = plan;
    this.#hooks = hooks;
    this.pages = new GuestPages(plan, hooks.added);
  }

  get state(): DynamicMemoryState {
    return this.#state;
  }

  get capabilities(): MemoryCapabilities | null {
    return this.#capabilities;
  }

  get lastReport(): StatusReport | null {
    return this.#lastReport;
  }

  setTarget(pages: number): void {
    this.#target = pages;
    this.#pursue();
  }

  onPacket(packet: HostPacket): void {
    let message: MemoryGuestMessage;
    try {
      message = decodeGuestMessage(packet.payload);
    } catch (error) {
      this.#warn(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#take(message);
  }

  onSpace(): void {
    const message = this.#unsent;
    this.#unsent = null;
    if (message) this.#send(message);
    if (this.#state === 'unballoon') this.#giveBack();
    this.#pursue();
  }

  onClose(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#enter('closed');
    this.#hooks.closed(this.pages.added);
  }

  #take(message: MemoryGuestMessage): void {
    switch (message.kind) {
      case 'versionRequest':
        this.#onVersion(message.version, message.transactionId);
        break;
      case 'capabilitiesReport':
        this.#onCapabilities(message.capabilities, message.transactionId);
        break;
      case 'statusReport':
        this.#onReport(message);
        break;
      case 'balloonResponse':
        this.#onBallooned(message);
        break;
      case 'unballoonResponse':
        this.#onUnballooned();
        break;
      case 'hotAddResponse':
        this.#onHotAdded(message);
        break;
      case 'hotRemoveResponse':
        this.#warn('a hot remove response that nobody asked for');
        break;
      default:
        message satisfies never;
    }
  }

  #onVersion(version: number, transactionId: number): void {
    if (!this.#expects('version', 'version request')) return;
    const isAccepted = version >= MemoryVersion.win8 && version <= this.#plan.newestVersion;
    this.#send({ kind: 'versionResponse', transactionId, isAccepted });
    if (isAccepted) this.#enter('capabilities');
  }

  #onCapabilities(capabilities: MemoryCapabilities, transactionId: number): void {
    if (!this.#expects('capabilities', 'capabilities report')) return;
    this.#capabilities = capabilities;
    const suppressReports = !this.#plan.wantsReports;
    this.#send({ kind: 'capabilitiesResponse', transactionId, isAccepted: true, hotRemove: true, suppressReports });
    this.#enter('post-init-wait');
    this.#timer = setTimeout(() => this.#ready(), this.#plan.postInitDelayMs);
  }

  #ready(): void {
    this.#timer = null;
    this.#enter('idle');
    this.#pursue();
  }

  #onReport(report: StatusReport): void {
    if (!this.#plan.wantsReports) return;
    this.#lastReport = report;
    this.#hooks.tell({ kind: 'report', report });
  }

  /** Begins the next operation that brings the guest nearer to its target. */
  #pursue(): void {
    if (this.#state !== 'idle' || this.#target === null || this.#unsent) return;
    const missing = this.#target - this.pages.current;
    if (missing === 0) this.#target = null;
    else if (missing < 0) this.#askForPages(-missing);
    else if (this.pages.ballooned > 0) this.#beginGivingBack(missing);
    else this.#hotAdd(missing);
  }

  #askForPages(wanted: number): void {
    if (!this.#capabilities?.balloon) {
      this.#giveUp('the guest cannot balloon');
      return;
    }
    this.#asked = Math.min(wanted, mostBalloonPages);
    this.#received = 0;
    this.#enter('balloon');
    this.#send({ kind: 'balloonRequest', transactionId: this.#transactionId, pageCount: this.#asked });
  }

  #onBallooned(message: BalloonResponse): void {
    if (!this.#expects('balloon', 'balloon response')) return;
    if (message.ranges.length === 0) {
      this.#target = null;
      this.#finish('ballooned', this.#received);
      return;
    }
    for (const range of message.ranges) {
      const wrong = this.pages.take(range);
      if (wrong === null) this.#received += range.pageCount;
      else this.#warn(`balloon response names ${wrong}`);
    }
    if (this.#received > this.#asked) this.#warn(`${this.#received} pages given where ${this.#asked} were asked for`);
    if (!message.moreToCome) this.#finish('ballooned', this.#received);
  }

  #beginGivingBack(pages: number): void {
    this.#asked = Math.min(pages, this.pages.ballooned);
    this.#received = 0;
    this.#enter('unballoon');
    this.#giveBack();
  }

  /** One range a message, as many messages as the ring takes. */
  #giveBack(): void {
    while (!this.#unsent && this.#received < this.#asked) {
      const range = this.pages.give(Math.min(this.#asked - this.#received, mostReturnPages));
      if (!range) return;
      this.#received += range.pageCount;
      const moreToCome = this.#received < this.#asked;
      this.#send({ kind: 'unballoonRequest', transactionId: this.#transactionId, moreToCome, ranges: [range] });
    }
  }

  #onUnballooned(): void {
    if (!this.#expects('unballoon', 'unballoon response', this.#received >= this.#asked)) return;
    this.#finish('unballooned', this.#received);
  }

  #hotAdd(wanted: number): void {
    if (!this.#capabilities?.hotAdd || !this.#mayHotAdd) {
      this.#giveUp('the guest cannot add memory');
      return;
    }
    const unit = 2 ** this.#capabilities.hotAddAlignment * pagesPerMiB;
    const pageCount = Math.floor(Math.min(wanted, Math.max(mostReturnPages, unit)) / unit) * unit;
    if (pageCount === 0) {
      this.#giveUp(`memory is added in units of ${unit} pages`);
      return;
    }
    const range = { firstPage: BigInt(this.pages.nextHotAddPage(unit)), pageCount };
    this.#offered = range;
    this.#asked = pageCount;
    this.#enter('hot-add');
    this.#send({ kind: 'hotAddRequest', transactionId: this.#transactionId, range, region: range });
  }

  #onHotAdded(message: HotAddResponse): void {
    if (!this.#expects('hot-add', 'hot-add response')) return;
    const pages = message.isSuccess ? Math.min(message.pageCount, this.#asked) : 0;
    if (message.pageCount > this.#asked)
      this.#warn(`${message.pageCount} pages added where ${this.#asked} were offered`);
    if (pages < this.#asked) this.#mayHotAdd = false;
    this.pages.hotAdd({ ...this.#offered, pageCount: pages });
    this.#finish('hot-added', pages);
  }

  #finish(kind: 'ballooned' | 'unballooned' | 'hot-added', pages: number): void {
    this.#transactionId = (this.#transactionId + 1) >>> 0;
    this.#hooks.tell({ kind, pages });
    this.#enter('idle');
    this.#pursue();
  }

  #giveUp(text: string): void {
    this.#target = null;
    this.#warn(text);
  }

  /** Whether a message is due; if not, says so. */
  #expects(state: DynamicMemoryState, what: string, isDue = true): boolean {
    if (this.#state === state && isDue) return true;
    this.#warn(`unexpected ${what} in state ${this.#state}`);
    return false;
  }

  #warn(text: string): void {
    this.#hooks.tell({ kind: 'warning', text });
  }

  #enter(state: DynamicMemoryState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#hooks.tell({ kind: 'state', state });
  }

  #send(message: MemoryHostMessage): void {
    if (!this.#channel.send(encodeHostMessage(message))) this.#unsent = message;
  }
}

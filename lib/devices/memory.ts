// SPDX-License-Identifier: MIT
//
// Dynamic memory from the guest's side: greets the host, reports memory figures, answers its requests.
// It never gives memory away by itself: without handlers the guest says that it can do neither, and a handler that answers
// nothing gives nothing. Every range of the host is held against what was given before a script sees it.
// Calls channel/ for packets, protocol/dynamic-memory for bytes, memory/* for the parts.
// Source of the facts: drivers/hv/hv_balloon.c of the Linux kernel.

import { inspect } from 'node:util';
import type { Device } from '../bus/types.js';
import type { Channel, CloseReason, Packet, SendOptions } from '../channel/types.js';
import { PacketType } from '../channel/types.js';
import { VmbusError } from '../errors.js';
import { Feed } from '../feed.js';
import type { CapabilitiesResponse, MemoryGuestMessage } from '../protocol/dynamic-memory.js';
import { decodeHostMessage, encodeGuestMessage } from '../protocol/dynamic-memory.js';
import { ChannelLife, failedWith } from './channel-life.js';
import { checkServedChannel, type DeviceChannelOptions, openDeviceChannel } from './channel-of-device.js';
import { checkOpenOptions, checkOptions, dynamicMemory, type MemorySettings } from './memory/arguments.js';
import type { MemoryFigures } from './memory/figures.js';
import { Greeting, memoryVersionName } from './memory/greeting.js';
import { ReportSeries } from './memory/report-series.js';
import { RequestAnswerer } from './memory/request-answerer.js';
import type { MemoryInspection, MemoryOptions, MemoryRequest, MemoryStats } from './memory/types.js';

export {
  committedFloorPages,
  type MemoryFigures,
  type MemoryFiguresOptions,
  readMemoryFigures,
} from './memory/figures.js';
export type * from './memory/types.js';

/** Options of {@link openMemory}: the service's, and those of the channel under it. */
export interface OpenMemoryOptions extends MemoryOptions, Pick<DeviceChannelOptions, 'channel'> {}

/**
 * Opens the dynamic memory device, which must be bound to uio_hv_generic, and greets its host. While it is open the kernel's
 * own driver has no say: nobody but this script answers the host.
 * @throws what {@link openChannel} and {@link serveMemory} throw
 * @example
 * await using binding = await bindDevice(bus.device('balloon'));
 * await using memory = await openMemory(bus.device('balloon'));
 * await memory.report();
 * @category Devices
 */
export async function openMemory(device: Device, options: OpenMemoryOptions = {}): Promise<MemoryService> {
  checkOpenOptions(device, options);
  const { channel: _channel, ...memoryOptions } = options;
  const settings = checkOptions(memoryOptions);
  const service = new MemoryService(await openDeviceChannel(device, dynamicMemory, options), settings);
  await service.greet();
  return service;
}

/**
 * Greets the host on an open channel of the dynamic memory device and answers the service. The service owns the channel from
 * here on: it closes it when it ends, also when this fails.
 * @throws VmbusError ERR_VMBUS_TIMEOUT, ERR_VMBUS_UNSUPPORTED, ERR_VMBUS_PROTOCOL, ERR_VMBUS_RESCINDED; the signal's reason;
 * TypeError ERR_INVALID_ARG_TYPE for what is no channel
 * @example
 * await using memory = await serveMemory(channel, { reportIntervalMs: 1000 });
 * for await (const request of memory.requests()) console.log(request);
 * @category Devices
 */
export async function serveMemory(channel: Channel, options: MemoryOptions = {}): Promise<MemoryService> {
  checkServedChannel(channel);
  const service = new MemoryService(channel, checkOptions(options));
  await service.greet();
  return service;
}

/**
 * A guest's side of dynamic memory. Made by {@link openMemory} or {@link serveMemory}.
 * @category Devices
 */
export class MemoryService implements AsyncDisposable {
  /** The channel it lives on; for `ref()`, `unref()` and figures. Reading from it is the service's. */
  readonly channel: Channel;
  /** Resolves when the service has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #settings: MemorySettings;
  readonly #life: ChannelLife;
  readonly #stop = new AbortController();
  readonly #feed = new Feed<MemoryRequest>();
  readonly #greeting: Greeting;
  readonly #answerer: RequestAnswerer;
  readonly #reports: ReportSeries;
  #phase: MemoryInspection['phase'] = 'greeting';
  #version: number | null = null;
  #host: CapabilitiesResponse | null = null;
  #lastId = 0;

  /** @internal */
  constructor(channel: Channel, settings: MemorySettings) {
    this.channel = channel;
    this.#settings = settings;
    const nextId = (): number => {
      this.#lastId = (this.#lastId + 1) >>> 0;
      return this.#lastId;
    };
    const wire = {
      send: (message: MemoryGuestMessage) => channel.send(encodeGuestMessage(message), { signal: this.#stop.signal }),
      nextId,
    };
    this.#greeting = new Greeting(wire, settings.handshakeTimeoutMs);
    this.#answerer = new RequestAnswerer(wire, settings, this.#feed, this.#stop.signal);
    this.#reports = new ReportSeries(channel, nextId);
    this.#life = new ChannelLife(
      channel,
      {
        take: (packet) => this.#take(packet),
        stop: () => this.#stop.abort(),
        ended: (reason) => this.#ended(reason),
      },
      settings.signal,
    );
    this.closed = this.#life.closed;
  }

  /** @internal */
  async greet(): Promise<void> {
    try {
      const { onBalloon, onHotAdd, hotAddAlignment, reportIntervalMs, reportDelayMs, figures } = this.#settings;
      const { version, host } = await this.#greeting.run({
        balloon: onBalloon !== undefined,
        hotAdd: onHotAdd !== undefined,
        hotRemove: false,
        hotAddAlignment: onHotAdd === undefined ? 0 : hotAddAlignment,
      });
      this.#version = version;
      const intervalMs = reportIntervalMs ?? (host.suppressReports ? 0 : 1000);
      if (intervalMs === 0) return;
      this.#reports.start(
        reportDelayMs,
        intervalMs,
        () => figures(this.borrowedPages),
        (error) => void this.#life.end(failedWith(error)),
      );
    } catch (error) {
      await this.#life.end(failedWith(error));
      await this.closed;
      throw error;
    }
  }

  /**
   * One report, now. Without figures: those of the moment. Resolves with what was sent, when it is published.
   * @throws ERR_OUT_OF_RANGE and ERR_INVALID_ARG_TYPE for wrong figures; ERR_VMBUS_CLOSED, _RESCINDED, _TIMEOUT
   */
  async report(
    figures?: MemoryFigures,
    options: Pick<SendOptions, 'signal' | 'timeoutMs'> = {},
  ): Promise<MemoryFigures> {
    return this.#reports.send(figures ?? this.#settings.figures(this.borrowedPages), options);
  }

  /** What the host asks from now on, with what it was answered. Ends with the service; throws if that failed. */
  requests(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<MemoryRequest> {
    return this.#feed.watch(options.signal);
  }

  /** Pages of 4096 bytes that the host holds now. */
  get borrowedPages(): number {
    return Number(this.#answerer.given.pageCount);
  }

  get isOpen(): boolean {
    return this.#phase !== 'closed';
  }

  /** Counters since opening. */
  stats(): MemoryStats {
    return { ...this.#reports.counts, ...this.#answerer.counts, requestsDropped: this.#feed.dropped };
  }

  /** Plain JSON picture. */
  inspect(): MemoryInspection {
    const host = this.#host && { hotRemove: this.#host.hotRemove, suppressReports: this.#host.suppressReports };
    return {
      phase: this.#phase,
      version: this.#version === null ? null : memoryVersionName(this.#version),
      balloon: this.#settings.onBalloon !== undefined,
      hotAdd: this.#settings.onHotAdd !== undefined,
      host,
      borrowedPages: this.borrowedPages,
      maxPages: this.#answerer.maxPages,
      stats: this.stats(),
    };
  }

  /** Ends the service and closes the channel; the host forgets the pages it holds then. Safe to call twice. */
  async close(): Promise<void> {
    await this.#life.end({ by: 'user' });
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ended(reason: CloseReason): void {
    this.#phase = 'closed';
    this.#reports.stop();
    this.#greeting.fail(
      reason.error ??
        new VmbusError('ERR_VMBUS_CLOSED', 'dynamic memory: the channel was closed', { device: this.channel.device }),
    );
    this.#feed.finish(reason.by === 'user' || reason.by === 'abort' ? {} : { error: reason.error });
  }

  async #take(packet: Packet): Promise<void> {
    const counts = this.#answerer.counts;
    if (packet.type !== PacketType.inband) {
      counts.ignoredMessages += 1;
      return;
    }
    const message = decodeHostMessage(packet.payload);
    if (message.kind === 'versionResponse' || message.kind === 'capabilitiesResponse') {
      if (!this.#greeting.take(message)) counts.ignoredMessages += 1;
      // At once: a request may stand right behind this answer in the ring.
      else if (message.kind === 'capabilitiesResponse' && message.isAccepted) this.#becomeReady(message);
    } else if (this.#phase === 'ready') {
      await this.#answerer.answer(message);
    } else {
      counts.ignoredMessages += 1;
    }
  }

  #becomeReady(host: CapabilitiesResponse): void {
    this.#host = host;
    this.#phase = 'ready';
  }
}

// Not a method: its computed name could not stand in the declaration file.
Object.defineProperty(MemoryService.prototype, inspect.custom, {
  value(this: MemoryService): string {
    return `MemoryService ${inspect(this.inspect(), { depth: 3 })}`;
  },
});

// SPDX-License-Identifier: MIT
//
// A host of dynamic memory that follows a script, over a channel without a ring.

import { after, before } from 'node:test';
import type { MemoryOptions, MemoryService } from '../../dist/devices/memory.js';
import { serveMemory } from '../../dist/devices/memory.js';
import type { MemoryGuestMessage, MemoryHostMessage, PageRange } from '../../dist/protocol/dynamic-memory.js';
import { decodeGuestMessage, encodeHostMessage } from '../../dist/protocol/dynamic-memory.js';
import { FakeChannel } from './memory-fake-channel.js';

type Said<K extends MemoryGuestMessage['kind']> = Extract<MemoryGuestMessage, { kind: K }>;

/** A host that accepts everything, unless told otherwise. */
export class Host extends FakeChannel {
  readonly said: MemoryGuestMessage[] = [];
  accepts: (version: number) => boolean = () => true;
  acceptsCapabilities = true;
  suppressReports = true;
  silent = false;
  readonly #waiting: { kind: string; resolve: (message: MemoryGuestMessage) => void }[] = [];

  override onSend = (payload: Uint8Array): void => {
    const message = decodeGuestMessage(payload);
    this.said.push(message);
    const { transactionId } = message;
    if (message.kind === 'versionRequest' && !this.silent) {
      this.say({ kind: 'versionResponse', transactionId, isAccepted: this.accepts(message.version) });
    }
    if (message.kind === 'capabilitiesReport' && !this.silent) {
      const { acceptsCapabilities: isAccepted, suppressReports } = this;
      this.say({ kind: 'capabilitiesResponse', transactionId, isAccepted, hotRemove: true, suppressReports });
    }
    const waiting = this.#waiting.findIndex(({ kind }) => kind === message.kind);
    if (waiting >= 0) this.#waiting.splice(waiting, 1)[0]?.resolve(message);
  };

  say(message: MemoryHostMessage): void {
    this.deliver(encodeHostMessage(message));
  }

  /** The guest's next message of a kind, from now. */
  next<K extends MemoryGuestMessage['kind']>(kind: K): Promise<Said<K>> {
    return new Promise((resolve) => {
      this.#waiting.push({ kind, resolve: resolve as (message: MemoryGuestMessage) => void });
    });
  }

  all<K extends MemoryGuestMessage['kind']>(kind: K): Said<K>[] {
    return this.said.filter((message): message is Said<K> => message.kind === kind);
  }

  balloon(pageCount: number): Promise<Said<'balloonResponse'>> {
    const response = this.next('balloonResponse');
    this.say({ kind: 'balloonRequest', transactionId: 0, pageCount });
    return response;
  }

  async unballoon(...ranges: PageRange[]): Promise<void> {
    const response = this.next('unballoonResponse');
    this.say({ kind: 'unballoonRequest', transactionId: 0, moreToCome: false, ranges });
    await response;
  }
}

/** A service on a host, greeted. */
export async function open(
  options: MemoryOptions = {},
  host = new Host(),
): Promise<{ host: Host; memory: MemoryService }> {
  return { host, memory: await serveMemory(host.asChannel(), options) };
}

/** Keeps the process alive while a file's tests run: a fake channel holds no handle, and the service's timers hold nothing on purpose. */
export function keepAlive(): void {
  let alive: NodeJS.Timeout;
  before(() => {
    alive = setInterval(() => {}, 1000);
  });
  after(() => clearInterval(alive));
}

// SPDX-License-Identifier: MIT
//
// A station on a card that the test plays: what it answers, and what a host that takes nothing costs it.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describe, it } from 'node:test';

import { joinNetwork, type Nic } from '../../dist/index.js';
import { broadcastMac, parseIpv4, parseMac } from '../../dist/protocol/ethernet/address.js';
import { ArpOperation, decodeArp, encodeArp } from '../../dist/protocol/ethernet/arp.js';
import { decodeFrame, EtherType, encodeFrame } from '../../dist/protocol/ethernet/frame.js';

const mac = '00:15:5d:01:02:03';
const otherMac = parseMac('00:15:5d:0a:0b:0c');

function arpRequest(target: string): Uint8Array {
  const payload = encodeArp({
    operation: ArpOperation.request,
    senderMac: otherMac,
    senderAddress: parseIpv4('10.9.9.9'),
    targetMac: new Uint8Array(6),
    targetAddress: parseIpv4(target),
  });
  return encodeFrame({ destination: broadcastMac, source: otherMac, type: EtherType.arp, payload });
}

/** A card with `frames` for its reader, and room for so many frames of its own: its host completes none. */
class FullCard {
  readonly mac = mac;
  readonly mtu = 1500;
  readonly sent: Uint8Array[] = [];
  /** What waits for room. */
  waiting = 0;
  readonly #frames: readonly Uint8Array[];
  readonly #room: number;
  readonly #taken = new EventEmitter();
  /** Resolves when the reader has taken all frames. */
  readonly read: Promise<unknown> = once(this.#taken, 'all');

  constructor(frames: readonly Uint8Array[], room: number) {
    this.#frames = frames;
    this.#room = room;
  }

  async *frames({ signal }: { readonly signal: AbortSignal }): AsyncGenerator<object> {
    const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    yield { length: this.#frames.length, view: (i: number) => this.#frames[i] };
    this.#taken.emit('all');
    await over;
  }

  send(frame: Uint8Array): Promise<void> {
    if (this.trySend(frame) === 1) return Promise.resolve();
    this.waiting += 1;
    return new Promise(() => undefined);
  }

  trySend(frame: Uint8Array): number {
    if (this.sent.length === this.#room) return 0;
    this.sent.push(frame);
    return 1;
  }

  get asNic(): Nic {
    return this as unknown as Nic;
  }
}

describe('a station', () => {
  it('kept its answers without end for a host that completes no frame', async () => {
    const card = new FullCard(Array<Uint8Array>(1000).fill(arpRequest('10.9.9.2')), 8);
    await using _station = await joinNetwork(card.asNic, { address: '10.9.9.2/24' });

    await card.read;

    assert.deepEqual([card.sent.length, card.waiting], [8, 0]);
  });

  it('answered who asked for 0.0.0.0 while it had no address', async () => {
    const card = new FullCard([arpRequest('0.0.0.0')], 8);
    const enough = new AbortController();
    const joining = joinNetwork(card.asNic, { signal: enough.signal });
    await card.read;
    enough.abort();
    await assert.rejects(joining, { name: 'AbortError' });

    const types = card.sent.map((bytes) => decodeFrame(bytes)?.type);
    assert.deepEqual(types, [EtherType.ipv4]);
  });

  it('answers who asks for its own address', async () => {
    const card = new FullCard([arpRequest('10.9.9.2'), arpRequest('10.9.9.3')], 8);
    await using _station = await joinNetwork(card.asNic, { address: '10.9.9.2/24' });

    await card.read;

    const answers = card.sent.map((bytes) => decodeArp(decodeFrame(bytes)?.payload ?? new Uint8Array()));
    assert.deepEqual(
      answers.map((arp) => [arp?.operation, arp?.senderAddress, arp?.targetAddress]),
      [[ArpOperation.reply, parseIpv4('10.9.9.2'), parseIpv4('10.9.9.9')]],
    );
  });
});

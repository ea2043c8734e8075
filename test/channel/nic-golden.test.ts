// SPDX-License-Identifier: MIT
//
// What a network card says on the wire, byte by byte: its beginning, a frame each way, its end. Held against the sequence
// that Linux and other drivers use, not against our own codecs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGuid } from '../../dist/guid.js';
import { type HostChannel, type HostPacket, type Provider, SimulatedHost } from '../../dist/host/index.js';
import { type Nic, openBus, openNic } from '../../dist/index.js';

const pieceBytes = 1806;
const sectionBytes = 6144;
const receiveBytes = 64 * 4096;
const sendBytes = 12 * 4096;
const zeros = (bytes: number): string => '00'.repeat(bytes);

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Bytes of a u32. */
function u32(value: number): string {
  return hexOf(new Uint8Array(Uint32Array.of(value).buffer));
}

/** A host that answers by rote, and writes down what it hears. */
class RoteHost implements Provider {
  readonly name = 'net';
  readonly classGuid = parseGuid('f8615163-df3e-46c5-913f-f2d2f965ed0e');
  readonly bufferBytes = { receive: receiveBytes, send: sendBytes };
  /** What was heard: type, flags, and the bytes of NVSP. */
  readonly heard: string[] = [];
  /** RNDIS messages in the order in which they were sent. */
  readonly rndis: string[] = [];
  /** Completions of packets of transfer pages. */
  readonly completions: string[] = [];
  #channel: HostChannel | null = null;
  #gpadls: readonly [number, number] = [0, 0];
  #pieces = 0;

  /** The handles that sysfs shows. */
  knows(receive: number, send: number): void {
    this.#gpadls = [receive, send];
  }

  onOpen(channel: HostChannel): { onPacket(packet: HostPacket): void } {
    this.#channel = channel;
    return { onPacket: (packet) => this.#take(packet) };
  }

  /** A packet that belongs to nothing. */
  stray(): void {
    this.#channel?.send(bytesOf('6b000000 00000000 00000000 00000000'), { type: 9, transactionId: 3n });
  }

  /** Hands a message over in a piece of its own; its id is 40 and on. */
  async hand(message: Uint8Array): Promise<void> {
    const piece = this.#pieces;
    this.#pieces += 1;
    const offset = piece * pieceBytes;
    await this.#channel?.memory.buffer(this.#gpadls[0])?.write(offset, message);
    const header = bytesOf(`feca0000 01000000 ${u32(message.length)} ${u32(offset)}`);
    const payload = bytesOf('6b000000 01000000 ffffffff 00000000');
    this.#channel?.send(payload, { type: 7, flags: 1, transactionId: BigInt(40 + piece), header });
  }

  #take({ type, flags, transactionId, payload }: HostPacket): void {
    const nvsp = payload.slice();
    if (type === 11) {
      this.completions.push(`${transactionId} ${hexOf(nvsp)}`);
      return;
    }
    const view = new DataView(nvsp.buffer);
    const kind = view.getUint32(0, true);
    if (kind === 107) {
      void this.#takeRndis(view.getUint32(8, true), view.getUint32(12, true), transactionId);
      return;
    }
    this.heard.push(`${flags} ${hexOf(nvsp)}`);
    if (flags === 1) this.#channel?.complete(transactionId, bytesOf(this.#answer(kind)));
  }

  #answer(kind: number): string {
    const count = Math.floor(receiveBytes / pieceBytes);
    const sections = `01000000 00000000 ${u32(pieceBytes)} ${u32(count)} ${u32(pieceBytes * count)}`;
    const answers: Readonly<Record<number, string>> = {
      1: '02000000 ffffffff 22000000 01000000',
      101: `66000000 01000000 ${sections}`,
      104: `69000000 01000000 ${u32(sectionBytes)}`,
    };
    return answers[kind] ?? '';
  }

  async #takeRndis(section: number, bytes: number, id: bigint): Promise<void> {
    const buffer = this.#channel?.memory.buffer(this.#gpadls[1]);
    const message = (await buffer?.read(section * sectionBytes, bytes)) ?? new Uint8Array(0);
    this.rndis.push(hexOf(message));
    this.#channel?.complete(id, bytesOf('6c000000 01000000'));
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const [type, request] = [view.getUint32(0, true), hexOf(message.subarray(8, 12))];
    const info = message.length < 16 ? '' : infoOf(view.getUint32(12, true));
    const length = info.length / 2;
    if (type === 2)
      await this.hand(
        bytesOf(
          `02000080 34000000 ${request} 00000000 01000000 00000000 01000000 00000000 08000000 00400000 03000000 ${zeros(8)}`,
        ),
      );
    if (type === 4)
      await this.hand(bytesOf(`04000080 ${u32(24 + length)} ${request} 00000000 ${u32(length)} 10000000 ${info}`));
    if (type === 5) await this.hand(bytesOf(`05000080 10000000 ${request} 00000000`));
  }
}

/** Values of objects. */
function infoOf(oid: number): string {
  const values: Readonly<Record<number, string>> = {
    16843009: '00155d010203',
    16843010: '00155d010203',
    65798: u32(1500),
    65812: u32(0),
    65799: u32(100_000_000),
  };
  return values[oid] ?? '';
}

async function withCard(work: (host: RoteHost, nic: Nic) => Promise<void>): Promise<RoteHost> {
  const rote = new RoteHost();
  await using host = await SimulatedHost.start({ devices: [rote], bound: true });
  const device = openBus({ root: host.root }).device('net');
  const handle = (index: number): number => Number(device.uio?.maps[index]?.name?.split(':')[1]);
  rote.knows(handle(3), handle(4));
  const nic = await openNic(device);
  await work(rote, nic);
  await nic.close();
  return rote;
}

describe('a network card on the wire', () => {
  it('begins as the documents say', async () => {
    const rote = await withCard(async (host) => {
      const [receive, send] = host.heard.slice(3).map((line) => line.slice(10, 18));
      assert.deepEqual(host.heard, [
        `1 ${hexOf(bytesOf('01000000 01000600 01000600'))}${zeros(28)}`,
        `0 ${hexOf(bytesOf('7d000000 ea050000 00000000 2800000000000000'))}${zeros(20)}`,
        `0 ${hexOf(bytesOf('64000000 06000000 1e000000'))}${zeros(28)}`,
        `1 65000000${receive}feca${zeros(30)}`,
        `1 68000000${send}0000${zeros(30)}`,
      ]);
      assert.equal(host.rndis[0], hexOf(bytesOf('02000000 18000000 04000000 01000000 00000000 00400000')));
      assert.equal(host.rndis[1], hexOf(bytesOf('04000000 1c000000 05000000 01010101 00000000 14000000 00000000')));
      assert.equal(
        host.rndis.at(-1),
        hexOf(bytesOf('05000000 20000000 0b000000 0e010100 04000000 14000000 00000000 0d000000')),
      );
      assert.ok(host.completions.every((line, i) => line === `${40 + i} 6c00000001000000`));
    });

    assert.equal(rote.completions.length, rote.rndis.length - 1, 'one for each answer; HALT has none');
  });

  it('sends a frame behind a header of 44 bytes', async () => {
    const frame = Uint8Array.from({ length: 60 }, (_, i) => i);
    await withCard(async (host, nic) => {
      const before = host.rndis.length;
      await nic.send(frame);
      while (host.rndis.length === before) await new Promise((resolve) => setImmediate(resolve));

      assert.equal(
        host.rndis.at(-1),
        `${hexOf(bytesOf('01000000 68000000 24000000 3c000000'))}${zeros(28)}${hexOf(frame)}`,
      );
    });
  });

  it('takes a frame that lies 256 bytes into its piece, and completes it', async () => {
    const frame = Uint8Array.from({ length: 60 }, (_, i) => 100 + i);
    await withCard(async (host, nic) => {
      const message = new Uint8Array(pieceBytes);
      message.set(bytesOf(`01000000 0e070000 f8000000 3c000000 ${zeros(28)}`));
      message.set(frame, 256);
      const completions = host.completions.length;
      await host.hand(message);

      const { value } = await nic[Symbol.asyncIterator]().next();
      assert.deepEqual(value?.bytes, frame);
      while (host.completions.length === completions) await new Promise((resolve) => setImmediate(resolve));
      assert.match(host.completions.at(-1) ?? '', / 6c00000001000000$/);
    });
  });

  it('finds frames between messages that are none', async () => {
    await withCard(async (host, nic) => {
      const reading = nic.frames().next();
      const marked = (mark: number): Uint8Array =>
        bytesOf(`01000000 3a000000 24000000 0e000000 ${zeros(28)} ${Buffer.alloc(14, mark).toString('hex')}`);
      const speed = bytesOf(`07000000 18000000 13000140 04000000 0c000000 ${u32(400_000_000)}`);
      const steps = [host.hand(marked(1)), host.hand(speed), host.hand(marked(2))];
      host.stray();
      steps.push(host.hand(marked(3)));
      await Promise.all(steps);

      const { value } = await reading;
      assert.deepEqual(
        Array.from({ length: value?.length ?? 0 }, (_, i) => value?.view(i)[13]),
        [1, 2, 3],
      );
      assert.equal(nic.link.speedMbps, 40_000);
      assert.equal(nic.stats().stray, 1);
    });
  });

  it('ends with a filter of 0, HALT, and both buffers taken back', async () => {
    const { heard, rndis } = await withCard(async () => undefined);

    assert.match(rndis.at(-2) ?? '', /0e010100040000001400000000000000(00){4}$/);
    assert.match(rndis.at(-1) ?? '', /^030000000c000000/);
    assert.deepEqual(heard.slice(-2), [`0 67000000feca${zeros(34)}`, `0 6a000000${zeros(36)}`]);
  });
});

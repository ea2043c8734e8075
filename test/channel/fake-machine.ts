// SPDX-License-Identifier: MIT
//
// A machine without QEMU: memory in a file, the other end of the stream, and the words that a kernel would say. Its rings are
// read and written here by the protocol's own rules, not by the code under test.
// Source: include/linux/hyperv.h of Linux; what Linux says and in which order: drivers/hv/{connection,channel}.c.

import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';

import { type Guid, guidFromBytes } from '../../dist/guid.js';

export const pageBytes = 4096;

interface Waiter {
  matches(bytes: Uint8Array): boolean;
  resolve(bytes: Uint8Array): void;
}

/** An offer as the guest reads it. */
export interface SeenOffer {
  readonly relid: number;
  readonly connection: number;
  readonly classGuid: Guid;
  readonly instanceGuid: Guid;
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Bytes of a message: a type, then words. */
export function message(type: number, ...words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(8 + 4 * words.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  for (const [i, word] of words.entries()) view.setUint32(8 + 4 * i, word, true);
  return bytes;
}

/** The machine, its memory and its guest's side of the stream. */
export class FakeMachine {
  /** For the host. */
  readonly stream: Duplex;
  readonly memoryFile: string;
  /** Event flags that the host set, by relid. */
  readonly interrupts: number[] = [];
  readonly listening = new Set<number>();
  readonly messages: Uint8Array[] = [];
  readonly #own: Duplex;
  readonly #folder: string;
  readonly #fd: number;
  readonly #waiters: Waiter[] = [];
  readonly #watchers = new Set<() => void>();
  #rest = Buffer.alloc(0);
  #nextGpadl = 0xe1e10;
  #nextPage = 16;

  constructor(readonly bytes = 16 * 1024 * 1024) {
    [this.stream, this.#own] = duplexPair();
    this.#folder = mkdtempSync('/dev/shm/vmbus-machine-');
    this.memoryFile = join(this.#folder, 'memory');
    this.#fd = openSync(this.memoryFile, 'w+');
    ftruncateSync(this.#fd, bytes);
    this.#own.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  hello(processors = 2): void {
    this.event(1, 0, message(1, 0).subarray(0, 0), words(1, processors));
  }

  event(operation: number, tag: number, ...parts: readonly Uint8Array[]): void {
    const payload = Buffer.concat(parts);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt16LE(operation, 4);
    header.writeBigUInt64LE(BigInt(tag), 8);
    this.#own.write(Buffer.concat([header, payload]));
  }

  /** The guest posts a control message. */
  post(bytes: Uint8Array, connection = 4): void {
    this.event(2, connection, words(1), bytes);
  }

  signal(connection: number): void {
    this.event(3, connection);
  }

  /** The next message of a type that nobody has taken yet. */
  async expect(type: number): Promise<Uint8Array> {
    const matches = (bytes: Uint8Array): boolean => word(bytes, 0) === type;
    const at = this.messages.findIndex(matches);
    if (at >= 0) return this.messages.splice(at, 1)[0] ?? new Uint8Array(0);
    return new Promise((resolve) => this.#waiters.push({ matches, resolve }));
  }

  /** Resolves as soon as the test holds, looked at after everything that the host does. */
  async until(test: () => boolean): Promise<void> {
    if (test()) return;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!test()) return;
        this.#watchers.delete(look);
        clearInterval(timer);
        resolve();
      };
      // Memory that the host has mapped changes without a word.
      const timer = setInterval(look, 1);
      this.#watchers.add(look);
    });
  }

  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    readSync(this.#fd, bytes, 0, length, address);
    return bytes;
  }

  write(address: number, bytes: Uint8Array): void {
    writeSync(this.#fd, bytes, 0, bytes.length, address);
  }

  word(address: number): number {
    return word(this.read(address, 4), 0);
  }

  setWord(address: number, value: number): void {
    this.write(address, words(value));
  }

  /** Pages that nobody has yet, every second one, so that they are not one piece. */
  pages(count: number): number[] {
    const pages = Array.from({ length: count }, (_, i) => this.#nextPage + 2 * i);
    this.#nextPage += 2 * count;
    return pages;
  }

  /** Contact, and the offers that come. */
  async connect(version = 0x50003): Promise<SeenOffer[]> {
    this.hello();
    const monitors = [0, 2 * pageBytes, 0, 3 * pageBytes, 0];
    this.post(message(14, version, 0, 2, 0, ...monitors.slice(1)));
    const response = await this.expect(15);
    if (response[8] !== 1) throw new Error('the host refused the version');
    return this.requestOffers();
  }

  async requestOffers(): Promise<SeenOffer[]> {
    this.post(message(3));
    await this.expect(4);
    return this.takeOffers();
  }

  takeOffers(): SeenOffer[] {
    const offers = this.messages.filter((bytes) => word(bytes, 0) === 1);
    this.messages.splice(0, this.messages.length, ...this.messages.filter((bytes) => word(bytes, 0) !== 1));
    return offers.map(seenOffer);
  }

  async expectOffer(): Promise<SeenOffer> {
    return seenOffer(await this.expect(1));
  }

  /** Shares pages as Linux does: a header with 26 page numbers, bodies with 28. Answers the handle. */
  async share(relid: number, pages: readonly number[]): Promise<number> {
    const gpadl = this.#nextGpadl++;
    const numbers = pages.flatMap((page) => [page, 0]);
    const head = message(8, relid, gpadl, (8 + 8 * pages.length) | (1 << 16), pages.length * pageBytes, 0);
    this.post(Buffer.concat([head, words(...numbers.slice(0, 52))]));
    for (let at = 52; at < numbers.length; at += 56)
      this.post(Buffer.concat([message(9, 0, gpadl), words(...numbers.slice(at, at + 56))]));
    const created = await this.expect(10);
    if (word(created, 16) !== 0) throw new Error(`the host refused the GPADL: ${word(created, 16).toString(16)}`);
    return gpadl;
  }

  /** Opens a channel with rings of so many pages each, headers included. */
  async open(offer: SeenOffer, pagesEach = 4, userData = new Uint8Array(120)): Promise<GuestChannel> {
    const pages = this.pages(2 * pagesEach);
    const gpadl = await this.share(offer.relid, pages);
    this.post(openMessage(offer.relid, gpadl, pagesEach, userData));
    const result = await this.expect(6);
    if (word(result, 16) !== 0) throw new Error(`the host refused to open: ${word(result, 16).toString(16)}`);
    return new GuestChannel(this, offer, gpadl, pages.slice(0, pagesEach), pages.slice(pagesEach));
  }

  close(): void {
    this.#own.destroy();
    closeSync(this.#fd);
    rmSync(this.#folder, { recursive: true });
  }

  #onData(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 16) {
      const length = this.#rest.readUInt32LE(0);
      if (this.#rest.length < 16 + length) break;
      const payload = Buffer.from(this.#rest.subarray(16, 16 + length));
      this.#onOrder(this.#rest.readUInt16LE(4), Number(this.#rest.readBigUInt64LE(8)), payload);
      this.#rest = this.#rest.subarray(16 + length);
    }
    for (const look of [...this.#watchers]) look();
  }

  #onOrder(operation: number, tag: number, payload: Buffer): void {
    if (operation === 0x81) this.#onPost(Uint8Array.from(payload.subarray(12)));
    else if (operation === 0x82) this.interrupts.push(payload.readUInt32LE(8));
    else if (operation === 0x84) this.write(Number(payload.readBigUInt64LE(0)), payload.subarray(8));
    else if (operation === 0x85) this.listening.add(payload.readUInt32LE(0));
    else if (operation === 0x86) this.listening.delete(payload.readUInt32LE(0));
    else if (operation === 0x83) {
      const parts: Uint8Array[] = [];
      for (let at = 0; at < payload.length; at += 16)
        parts.push(this.read(Number(payload.readBigUInt64LE(at)), payload.readUInt32LE(at + 8)));
      this.event(5, tag, ...parts);
    }
  }

  #onPost(bytes: Uint8Array): void {
    const at = this.#waiters.findIndex((waiter) => waiter.matches(bytes));
    if (at >= 0) this.#waiters.splice(at, 1)[0]?.resolve(bytes);
    else this.messages.push(bytes);
  }
}

/** The request to open a channel. */
export function openMessage(relid: number, gpadl: number, splitPage: number, userData: Uint8Array): Uint8Array {
  return Buffer.concat([message(5, relid, relid, gpadl, 0, splitPage), userData]);
}

/** The guest's end of an open channel. */
export class GuestChannel {
  constructor(
    readonly machine: FakeMachine,
    readonly offer: SeenOffer,
    readonly gpadl: number,
    /** Header page, then data. */
    readonly out: readonly number[],
    readonly into: readonly number[],
  ) {}

  get dataBytes(): number {
    return (this.out.length - 1) * pageBytes;
  }

  header(ring: 'out' | 'in', offset: number): number {
    return ((ring === 'out' ? this.out : this.into)[0] ?? 0) * pageBytes + offset;
  }

  /** Writes an in-band packet as Linux does, and signals unless the host masked it or has not read on. */
  send(payload: Uint8Array, id = 0n, flags = 0, type = 6, header = new Uint8Array(0)): boolean {
    const { machine } = this;
    const padded = Math.ceil(payload.length / 8) * 8;
    const packet = Buffer.alloc(16 + header.length + padded + 8);
    packet.writeUInt16LE(type, 0);
    packet.writeUInt16LE((16 + header.length) / 8, 2);
    packet.writeUInt16LE((16 + header.length + padded) / 8, 4);
    packet.writeUInt16LE(flags, 6);
    packet.writeBigUInt64LE(id, 8);
    packet.set(header, 16);
    packet.set(payload, 16 + header.length);
    const write = machine.word(this.header('out', 0));
    const read = machine.word(this.header('out', 4));
    packet.writeUInt32LE(write, packet.length - 4);
    const free = this.dataBytes - ((write - read + this.dataBytes) % this.dataBytes);
    if (free <= packet.length) return false;
    this.#copy(this.out, write, packet);
    machine.setWord(this.header('out', 0), (write + packet.length) % this.dataBytes);
    if (machine.word(this.header('out', 8)) === 0 && read === write) machine.signal(this.offer.connection);
    return true;
  }

  /** The next packet, waited for. */
  async receive(): Promise<{ type: number; id: bigint; payload: Uint8Array; header: Uint8Array }> {
    const { machine } = this;
    const read = machine.word(this.header('in', 4));
    await machine.until(() => machine.word(this.header('in', 0)) !== read);
    const start = Buffer.from(this.#bytes(this.into, read, 16));
    const length = start.readUInt16LE(4) * 8;
    const packet = Buffer.from(this.#bytes(this.into, read, length));
    machine.setWord(this.header('in', 4), (read + length + 8) % this.dataBytes);
    const wanted = machine.word(this.header('in', 12));
    if (wanted !== 0) machine.signal(this.offer.connection);
    const offset = start.readUInt16LE(2) * 8;
    return {
      type: start.readUInt16LE(0),
      id: start.readBigUInt64LE(8),
      payload: packet.subarray(offset),
      header: packet.subarray(16, offset),
    };
  }

  #copy(ring: readonly number[], from: number, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += 8)
      this.machine.write(this.#address(ring, from + i), bytes.subarray(i, i + 8));
  }

  #bytes(ring: readonly number[], from: number, length: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let i = 0; i < length; i += 8) parts.push(this.machine.read(this.#address(ring, from + i), 8));
    return Buffer.concat(parts);
  }

  #address(ring: readonly number[], at: number): number {
    const place = at % this.dataBytes;
    return (ring[1 + Math.floor(place / pageBytes)] ?? 0) * pageBytes + (place % pageBytes);
  }
}

export function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true);
  return bytes;
}

export function word(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}

function seenOffer(bytes: Uint8Array): SeenOffer {
  return {
    bytes,
    classGuid: guidFromBytes(bytes.subarray(8, 24)),
    instanceGuid: guidFromBytes(bytes.subarray(24, 40)),
    index: new DataView(bytes.buffer, bytes.byteOffset).getUint16(180, true),
    relid: word(bytes, 184),
    connection: word(bytes, 192),
  };
}

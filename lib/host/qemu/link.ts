// SPDX-License-Identifier: MIT
//
// The byte stream to a QEMU whose VMBus is played here: messages, signals and guest memory, as calls and events.
// Called by: qemu-host.ts. Calls: frames.ts. Writes are queued by the stream; a slow QEMU shows in `queuedBytes`.

import type { Duplex } from 'node:stream';

import { VmbusError } from '../../errors.js';
import type { Synic } from '../control/types.js';
import type { GuestRange } from '../types.js';
import { Event, encodeFrame, type Frame, FrameReader, frameVersion, mostFrameBytes, Order } from './frames.js';

/** The type that SynIC messages of VMBus have. */
const vmbusMessage = 1;

/** What a guest, or the machine around it, does. */
export interface LinkEvents {
  /** QEMU is there, for the first time or again. */
  hello(processors: number): void;
  message(bytes: Uint8Array): void;
  signal(connection: number): void;
  reset(): void;
  /** The stream ended or broke; `error` is null where it simply ended. Nothing follows. */
  closed(error: Error | null): void;
}

interface Read {
  readonly bytes: number;
  resolve(bytes: Uint8Array): void;
  reject(error: Error): void;
}

/** One connection to a QEMU. */
export class Link implements Synic {
  readonly #stream: Duplex;
  readonly #events: LinkEvents;
  readonly #frames = new FrameReader();
  readonly #reads = new Map<number, Read>();
  #processors = 0;
  #lastTag = 0;
  #isClosed = false;
  #readTrips = 0;

  constructor(stream: Duplex, events: LinkEvents) {
    this.#stream = stream;
    this.#events = events;
    stream.on('data', (chunk: Uint8Array) => this.#onChunk(chunk));
    stream.on('error', (error: NodeJS.ErrnoException) => this.#onClosed(isHangUp(error) ? null : error));
    stream.on('end', () => this.#onClosed(null));
    stream.on('close', () => this.#onClosed(null));
  }

  get processors(): number {
    return this.#processors;
  }

  /** Bytes that wait for QEMU. */
  get queuedBytes(): number {
    return this.#stream.writableLength;
  }

  /** Round trips made for guest memory so far. */
  get readTrips(): number {
    return this.#readTrips;
  }

  post(processor: number, sint: number, message: Uint8Array): void {
    this.#send(Order.post, 0, words(processor, sint, vmbusMessage), message);
  }

  interrupt(processor: number, sint: number, relid: number): void {
    this.#send(Order.flag, 0, words(processor, sint, relid));
  }

  listen(connectionId: number): void {
    this.#send(Order.listen, 0, words(connectionId));
  }

  unlisten(connectionId: number): void {
    this.#send(Order.unlisten, 0, words(connectionId));
  }

  resetMachine(): void {
    this.#send(Order.resetMachine, 0);
  }

  /** Guest memory of all ranges, in one round trip. @throws VmbusError ERR_VMBUS_CLOSED, ERR_VMBUS_TOO_LARGE */
  async read(ranges: readonly GuestRange[]): Promise<Uint8Array> {
    const bytes = ranges.reduce((sum, { length }) => sum + length, 0);
    if (bytes > mostFrameBytes || ranges.length * 16 > mostFrameBytes)
      throw new VmbusError('ERR_VMBUS_TOO_LARGE', `${bytes} bytes of guest memory at once`);
    if (this.#isClosed) throw closedError();
    const request = new Uint8Array(16 * ranges.length);
    const view = new DataView(request.buffer);
    for (const [i, { address, length }] of ranges.entries()) {
      view.setBigUint64(16 * i, BigInt(address), true);
      view.setUint32(16 * i + 8, length, true);
    }
    const tag = ++this.#lastTag;
    this.#readTrips += 1;
    return new Promise((resolve, reject) => {
      this.#reads.set(tag, { bytes, resolve, reject });
      this.#send(Order.read, tag, request);
    });
  }

  /** Writes guest memory, before anything that is sent later. */
  write(address: number, bytes: Uint8Array): void {
    const place = new Uint8Array(8);
    new DataView(place.buffer).setBigUint64(0, BigInt(address), true);
    this.#send(Order.write, 0, place, bytes);
  }

  /** Ends the stream. */
  close(): void {
    this.#stream.destroy();
    this.#onClosed(null);
  }

  #send(operation: number, tag: number, ...parts: readonly Uint8Array[]): void {
    if (!this.#isClosed) this.#stream.write(encodeFrame(operation, tag, ...parts));
  }

  #onChunk(chunk: Uint8Array): void {
    let frames: Frame[];
    try {
      frames = this.#frames.push(chunk);
    } catch (cause) {
      this.#break(new VmbusError('ERR_VMBUS_PROTOCOL', 'the stream from QEMU is out of step', { cause }));
      return;
    }
    for (const frame of frames) if (!this.#isClosed) this.#onFrame(frame);
  }

  #onFrame({ operation, tag, payload }: Frame): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    if (operation === Event.signal) {
      this.#events.signal(tag);
    } else if (operation === Event.data) {
      this.#take(tag)?.resolve(payload);
    } else if (operation === Event.message && payload.length >= 4) {
      if (view.getUint32(0, true) === vmbusMessage) this.#events.message(payload.subarray(4));
    } else if (operation === Event.error && payload.length >= 4) {
      this.#take(tag)?.reject(memoryError(-view.getInt32(0, true)));
    } else if (operation === Event.reset) {
      this.#events.reset();
    } else if (operation === Event.hello && payload.length >= 8) {
      this.#hello(view.getUint32(0, true), view.getUint32(4, true));
    }
  }

  #hello(version: number, processors: number): void {
    if (version !== frameVersion || processors < 1) {
      const what = `QEMU's object speaks version ${version} of the stream, this library version ${frameVersion}`;
      this.#break(new VmbusError('ERR_VMBUS_PROTOCOL', what, { hint: 'build both from the same checkout' }));
      return;
    }
    this.#processors = processors;
    this.#events.hello(processors);
  }

  #take(tag: number): Read | undefined {
    const read = this.#reads.get(tag);
    this.#reads.delete(tag);
    return read;
  }

  #break(error: Error): void {
    this.#stream.destroy();
    this.#onClosed(error);
  }

  #onClosed(error: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { reject } of this.#reads.values()) reject(closedError());
    this.#reads.clear();
    this.#events.closed(error);
  }
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true);
  return bytes;
}

function closedError(): VmbusError {
  return new VmbusError('ERR_VMBUS_CLOSED', 'the stream to QEMU is closed', { hint: 'start the machine again' });
}

function memoryError(errno: number): VmbusError {
  return new VmbusError('ERR_VMBUS_CORRUPT', 'QEMU cannot read that guest memory', { errno });
}

/** A machine that switches itself off leaves words of ours unread: its end reads as one of these then. */
function isHangUp({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE';
}

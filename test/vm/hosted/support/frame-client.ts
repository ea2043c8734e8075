// SPDX-License-Identifier: MIT
// The process's end of the preloaded object's stream, as small as can be: for tests of the lab itself.
// The frames are described in test/vm/README.md.
import type { Socket } from 'node:net';

export const TO_PROCESS = { hello: 1, message: 2, event: 3, data: 5, error: 6, reset: 7 } as const;
export const FROM_PROCESS = {
  post: 0x81,
  flag: 0x82,
  read: 0x83,
  write: 0x84,
  listen: 0x85,
  unlisten: 0x86,
  resetMachine: 0x87,
} as const;

const HEADER_BYTES = 16;

export interface Frame {
  readonly op: number;
  readonly tag: number;
  readonly payload: Buffer;
}

export const words = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * index);
  return bytes;
};

const address = (gpa: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(gpa));
  return bytes;
};

export class FrameClient {
  readonly #socket: Socket;
  readonly #answers = new Map<number, { resolve: (bytes: Buffer) => void; reject: (error: Error) => void }>();
  readonly #frames: Frame[] = [];
  #waiters: (() => void)[] = [];
  #unread: Buffer = Buffer.alloc(0);
  #nextTag = 1;
  /** True when the other end is gone. */
  isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      for (const { reject } of this.#answers.values()) reject(new Error('the stream has ended'));
      this.#answers.clear();
      this.#wake();
    });
  }

  /** Sends a frame. @returns its tag */
  send(op: number, payload: Uint8Array = Buffer.alloc(0), tag: number = this.#nextTag++): number {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt16LE(op, 4);
    header.writeBigUInt64LE(BigInt(tag), 8);
    this.#socket.write(Buffer.concat([header, payload]));
    return tag;
  }

  /** Guest memory. */
  read(...pieces: readonly (readonly [gpa: number, bytes: number])[]): Promise<Buffer> {
    const payload = Buffer.concat(pieces.map(([gpa, bytes]) => Buffer.concat([address(gpa), words(bytes, 0)])));
    return new Promise((resolve, reject) => {
      this.#answers.set(this.send(FROM_PROCESS.read, payload), { resolve, reject });
    });
  }

  write(gpa: number, bytes: Uint8Array): void {
    this.send(FROM_PROCESS.write, Buffer.concat([address(gpa), bytes]));
  }

  /** Posts a VMBus message: its type, zero, its fields. */
  post(type: number, fields: Uint8Array = Buffer.alloc(0)): void {
    this.send(FROM_PROCESS.post, Buffer.concat([words(0, 2, 1, type, 0), fields]));
  }

  /** The next frame that nobody took yet and that fits. @throws at the end of the stream */
  async next(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const index = this.#frames.findIndex(fits);
      const [frame] = index < 0 ? [] : this.#frames.splice(index, 1);
      if (frame) return frame;
      if (this.isClosed) throw new Error('the stream has ended');
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  /** The next frame with that op. */
  op(op: number): Promise<Frame> {
    return this.next((frame) => frame.op === op);
  }

  #take(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    for (;;) {
      if (this.#unread.length < HEADER_BYTES) return;
      const end = HEADER_BYTES + this.#unread.readUInt32LE(0);
      if (this.#unread.length < end) return;
      const op = this.#unread.readUInt16LE(4);
      const tag = Number(this.#unread.readBigUInt64LE(8));
      this.#dispatch({ op, tag, payload: Buffer.from(this.#unread.subarray(HEADER_BYTES, end)) });
      this.#unread = this.#unread.subarray(end);
    }
  }

  #dispatch(frame: Frame): void {
    const waiting = this.#answers.get(frame.tag);
    if (waiting && (frame.op === TO_PROCESS.data || frame.op === TO_PROCESS.error)) {
      this.#answers.delete(frame.tag);
      if (frame.op === TO_PROCESS.data) waiting.resolve(frame.payload);
      else waiting.reject(new Error(`errno ${-frame.payload.readInt32LE(0)}`));
      return;
    }
    this.#frames.push(frame);
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

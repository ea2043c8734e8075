// SPDX-License-Identifier: MIT
// Just enough of a VMBus host for tests of the lab: accepts any version, offers one device of an unknown class, takes
// its GPADLs and opens its channel. The real one is lib/host/qemu.
import { FROM_PROCESS, type Frame, type FrameClient, TO_PROCESS, words } from './frame-client.js';

const CLASS_ID = '1111222233334444aaaabbbbccccdddd';
const INSTANCE_ID = '5555666677778888aaaabbbbccccdddd';
export const TINY_CLASS = '22221111-3333-4444-aaaa-bbbbccccdddd';
const RELID = 1;
export const CONNECTION = 0x2001;

/** Where the two rings of an open channel are: page frame numbers, control page first. */
export interface Rings {
  readonly outbound: readonly number[];
  readonly inbound: readonly number[];
}

interface Gpadl {
  readonly relid: number;
  wanted: number;
  readonly pfns: number[];
}

export class TinyHost {
  readonly #client: FrameClient;
  readonly #gpadls = new Map<number, Gpadl>();
  readonly #messages: number[] = [];
  #rings: Rings | undefined;
  #opened: (rings: Rings) => void = () => undefined;
  /** Settles when the guest has opened the device. */
  readonly opened: Promise<Rings>;

  constructor(client: FrameClient) {
    this.#client = client;
    this.opened = new Promise((resolve) => {
      this.#opened = resolve;
    });
  }

  /** Types of messages of the guest, in their order. */
  get messages(): readonly number[] {
    return this.#messages;
  }

  /** Answers until the stream ends. */
  async serve(): Promise<void> {
    for (;;) {
      let frame: Frame;
      try {
        frame = await this.#client.op(TO_PROCESS.message);
      } catch {
        return;
      }
      this.#answer(frame);
    }
  }

  #answer({ tag: connection, payload }: Frame): void {
    const type = payload.readUInt32LE(4);
    const field = (index: number): number => payload.readUInt32LE(12 + 4 * index);
    this.#messages.push(type);
    if (type === 14) this.#client.post(15, Buffer.concat([Buffer.from([1, 0, 0, 0]), words(connection)]));
    if (type === 3) {
      this.#client.post(1, offer());
      this.#client.post(4);
    }
    if (type === 8) {
      const bytes = payload.readUInt16LE(20);
      this.#gpadls.set(field(1), { relid: field(0), wanted: (bytes - 8) / 8, pfns: [] });
      this.#collect(field(1), payload.subarray(32));
    }
    if (type === 9) this.#collect(field(1), payload.subarray(20));
    if (type === 11) this.#client.post(12, words(field(1)));
    if (type === 5) this.#open(field(1), field(2), field(4));
    if (type === 16) this.#client.post(17);
    if (type === 22) this.#client.post(24, words(field(0), 0));
  }

  #collect(handle: number, bytes: Buffer): void {
    const gpadl = this.#gpadls.get(handle);
    if (!gpadl) return;
    for (let at = 0; at + 8 <= bytes.length && gpadl.pfns.length < gpadl.wanted; at += 8) {
      gpadl.pfns.push(Number(bytes.readBigUInt64LE(at)));
    }
    if (gpadl.pfns.length === gpadl.wanted) this.#client.post(10, words(gpadl.relid, handle, 0));
  }

  #open(openId: number, handle: number, split: number): void {
    const pfns = this.#gpadls.get(handle)?.pfns ?? [];
    this.#rings = { outbound: pfns.slice(0, split), inbound: pfns.slice(split) };
    this.#client.send(FROM_PROCESS.listen, words(CONNECTION));
    this.#client.post(6, words(RELID, openId, 0));
    this.#opened(this.#rings);
  }
}

/** Monitored, because kernel 6.1 lets uio_hv_generic have no other channels. */
function offer(): Buffer {
  const bytes = Buffer.alloc(188);
  bytes.write(CLASS_ID, 0, 'hex');
  bytes.write(INSTANCE_ID, 16, 'hex');
  words(RELID).copy(bytes, 176);
  bytes[180] = 1;
  bytes[181] = 1;
  bytes.writeUInt16LE(1, 182);
  words(CONNECTION).copy(bytes, 184);
  return bytes;
}

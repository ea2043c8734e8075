// SPDX-License-Identifier: MIT
//
// A network card in this process, for tests of the addon's frames: a served node with buffers, an open lease on it, a queue
// of frames on its primary channel, and a host that writes whatever it wants.

import { FRAME_ROW_WORDS, FrameInspect } from '../../dist/native/frame-functions.js';
import { encodeTransferPages, type TransferRange } from '../../dist/protocol/transfer-pages.js';
import { binding, closeLease, End, EventLog, openLease, RING_BYTES, TestFolder } from './native-pair.js';

export const PIECE_BYTES = 2048;
export const PIECES = 64;
export const SECTION_BYTES = 6144;
export const SECTIONS = 40;
const receiveBytes = PIECES * PIECE_BYTES;
const sendBytes = SECTIONS * SECTION_BYTES;
const plan = { receiveBytes, receiveGpadl: 11, sendBytes, sendGpadl: 12 };

/** NVSP 107 on the way to the guest, and 108 with a status. */
export const carriesRndis: Uint8Array = words(107, 0, 0xffff_ffff, 0);
export const completed = (status = 1): Uint8Array => words(108, status);

/** A packet that a host received. */
export interface HostRow {
  readonly type: number;
  readonly flags: number;
  readonly id: bigint;
  readonly payload: Uint8Array;
}

export class FrameScene implements AsyncDisposable {
  readonly arena = new Uint8Array(256 * 1024);
  readonly rows = new Int32Array(512 * FRAME_ROW_WORDS);

  private constructor(
    readonly folder: TestFolder,
    readonly node: number,
    readonly receiveMemory: number,
    readonly sendMemory: number,
    readonly lease: number,
    readonly channel: number,
    readonly host: End,
    readonly frames: number,
    readonly leaseEvents: EventLog<number>,
  ) {}

  static async open(options: { ringBytes?: number; messages?: number; agree?: boolean } = {}): Promise<FrameScene> {
    const folder = new TestFolder();
    const path = folder.file('uio0');
    const node = binding.serveNode(path, options.ringBytes ?? RING_BYTES, -1, () => undefined);
    const receiveMemory = binding.makeGuestMemory(receiveBytes);
    const sendMemory = binding.makeGuestMemory(sendBytes);
    binding.shareBuffers(node, receiveMemory, plan.receiveGpadl, sendMemory, plan.sendGpadl);
    const events = new EventLog<number>();
    const { errno, stage, lease } = await openLease(path, { buffers: plan }, (event) => events.push(event));
    if (errno !== 0) throw new Error(`openLease: errno ${errno} at stage ${stage}`);
    const host = new End(binding.attachHost(node, 0));
    host.drain();
    const channel = binding.attachPrimary(lease);
    if (options.agree !== false) binding.agreeFrames(lease, PIECE_BYTES, PIECES, SECTION_BYTES, options.messages ?? 1);
    const frames = binding.openFrames(lease, channel, 5);
    const scene = new FrameScene(folder, node, receiveMemory, sendMemory, lease, channel, host, frames, events);
    binding.setFrameArena(frames, scene.arena, scene.rows);
    return scene;
  }

  /** The host writes into a piece of the receive buffer. */
  put(piece: number, bytes: Uint8Array): void {
    binding.writeGuest(this.receiveMemory, piece * PIECE_BYTES, bytes);
  }

  /** The host hands ranges over. */
  hand(ranges: readonly TransferRange[], id = 1, setId = 0xcafe): number {
    const header = encodeTransferPages({ setId, ranges });
    return this.handRaw(header, id);
  }

  handRaw(header: Uint8Array, id = 1, payload: Uint8Array = carriesRndis): number {
    const body = new Uint8Array(header.length + payload.length);
    body.set(header);
    body.set(payload, header.length);
    return this.host.send(body, 7, 1, id, 0, 2 + header.length / 8);
  }

  receive(): number {
    return binding.receiveFrames(this.frames);
  }

  row(i: number): number[] {
    return [...this.rows.subarray(i * FRAME_ROW_WORDS, (i + 1) * FRAME_ROW_WORDS)];
  }

  bytes(i: number): Uint8Array {
    const [, offset = 0, length = 0] = this.row(i);
    return this.arena.slice(offset, offset + length);
  }

  send(list: readonly Uint8Array[], first = 0, infos: Int32Array | null = null): number {
    return binding.sendFrames(this.frames, list, first, infos);
  }

  /** Bytes of the send buffer. */
  section(section: number, length: number): Uint8Array {
    const target = new Uint8Array(length);
    binding.readGuest(this.sendMemory, section * SECTION_BYTES, target);
    return target;
  }

  /** What the host finds in its ring. */
  heard(): HostRow[] {
    const heard: HostRow[] = [];
    for (let count = this.host.drain(); count > 0; count = this.host.drain()) {
      for (let i = 0; i < count; i += 1) {
        const [type = 0, flags = 0, , , low = 0, high = 0] = this.host.row(i);
        const id = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
        heard.push({ type, flags: flags & 0xffff, id, payload: this.host.payload(i) });
      }
    }
    return heard;
  }

  /** The host completes a packet. */
  complete(id: bigint, payload: Uint8Array = completed()): void {
    this.host.send(payload, 11, 0, Number(id & 0xffff_ffffn) | 0, Number(id >> 32n) | 0);
  }

  inspect(what: keyof typeof FrameInspect): number {
    const out = new Float64Array(FrameInspect.words);
    if (binding.inspectFrames(this.frames, out) !== 0) throw new Error('closed');
    return out[FrameInspect[what]] ?? Number.NaN;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    binding.closeFrames(this.frames);
    await closeLease(this.lease);
    binding.closeNode(this.node);
    binding.closeGuestMemory(this.receiveMemory);
    binding.closeGuestMemory(this.sendMemory);
    this.folder[Symbol.dispose]();
  }
}

/** Little-endian. */
export function words(...numbers: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer);
}

/** A frame that can be told from others. */
export function frameOf(bytes: number, mark = 0): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i + mark) & 0xff);
}

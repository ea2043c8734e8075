// SPDX-License-Identifier: MIT
//
// Frames between this process and the object that is preloaded into QEMU: what they are, and how they are cut out of a
// byte stream. Little-endian: u32 payload bytes, u16 operation, u16 0, u64 tag, payload.
// Called by: link.ts. The other end: test/vm/shim.

/** What comes from QEMU. */
export const Event = {
  /** u32 version, u32 processors. First frame of every connection. */
  hello: 1,
  /** The guest posted a message. Tag: connection; u32 message type, up to 240 bytes. */
  message: 2,
  /** The guest signalled. Tag: connection. */
  signal: 3,
  /** Answer to `read`, same tag. */
  data: 5,
  /** Something failed. Tag: that of the request; i32 negative errno. */
  error: 6,
  /** The machine was reset: nothing of the guest is left. */
  reset: 7,
} as const;

/** What goes to QEMU; carried out strictly in order. */
export const Order = {
  /** u32 processor, u32 interrupt line, u32 message type, up to 240 bytes. */
  post: 0x81,
  /** u32 processor, u32 interrupt line, u32 flag. */
  flag: 0x82,
  /** Any number of (u64 address, u32 length, u32 0); answered by one `data`. */
  read: 0x83,
  /** u64 address, bytes. */
  write: 0x84,
  /** u32 connection. */
  listen: 0x85,
  unlisten: 0x86,
  /** Resets the machine. */
  resetMachine: 0x87,
} as const;

/** Version of all this, in `hello`. */
export const frameVersion = 1;
const headerBytes = 16;
/** More than this is no frame: the stream is out of step. */
export const mostFrameBytes: number = 8 * 1024 * 1024;

/** A frame. The payload is a view on what arrived. */
export interface Frame {
  readonly operation: number;
  readonly tag: number;
  readonly payload: Uint8Array;
}

/** A frame as bytes. */
export function encodeFrame(operation: number, tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = new Uint8Array(headerBytes + bytes);
  const view = new DataView(frame.buffer);
  view.setUint32(0, bytes, true);
  view.setUint16(4, operation, true);
  view.setUint32(8, tag, true);
  view.setUint32(12, Math.floor(tag / 2 ** 32), true);
  let at = headerBytes;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** Cuts frames out of chunks. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0);

  /** Frames that are whole now. @throws RangeError for a length that no frame has: nothing after it can be understood */
  push(chunk: Uint8Array): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= headerBytes) {
      const length = view.getUint32(at, true);
      if (length > mostFrameBytes) throw new RangeError(`a frame of ${length} bytes`);
      const end = at + headerBytes + length;
      if (end > bytes.length) break;
      frames.push({
        operation: view.getUint16(at + 4, true),
        tag: view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 2 ** 32,
        payload: bytes.subarray(at + headerBytes, end),
      });
      at = end;
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }
}

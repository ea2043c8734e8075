// SPDX-License-Identifier: MIT
//
// Fields of little-endian messages at fixed offsets: every read is checked against the bytes there are, every write against
// its width. Called by the codecs of the network card.

import { outOfRange, VmbusError } from '../errors.js';

/** Reads fields of one message. Everything throws VmbusError ERR_VMBUS_PROTOCOL where the message is too short. */
export class MessageReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #service: string;
  readonly #what: string;

  /** @param what names the message in errors */
  constructor(service: string, what: string, bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#service = service;
    this.#what = what;
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number): number {
    this.#need(offset, 1);
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.#need(offset, 2);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    this.#need(offset, 4);
    return this.#view.getUint32(offset, true);
  }

  u64(offset: number): bigint {
    this.#need(offset, 8);
    return this.#view.getBigUint64(offset, true);
  }

  /** A view of `length` bytes. */
  part(offset: number, length: number): Uint8Array {
    this.#need(offset, length);
    return this.bytes.subarray(offset, offset + length);
  }

  /** The error for what is wrong with this message. */
  violation(detail: string, facts: Record<string, unknown> = {}): VmbusError {
    return protocolViolation(this.#service, `${this.#what}: ${detail}`, facts);
  }

  #need(offset: number, length: number): void {
    if (offset + length <= this.bytes.length) return;
    throw this.violation(`${this.bytes.length} bytes, ${offset + length} needed`, { bytes: this.bytes.length });
  }
}

/** Writes fields of one message. Throws RangeError ERR_OUT_OF_RANGE for what does not fit its field. */
export class MessageWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  u8(offset: number, value: number, name: string): this {
    this.#view.setUint8(offset, checked(value, 0xff, name));
    return this;
  }

  u16(offset: number, value: number, name: string): this {
    this.#view.setUint16(offset, checked(value, 0xffff, name), true);
    return this;
  }

  u32(offset: number, value: number, name: string): this {
    this.#view.setUint32(offset, checked(value, 0xffff_ffff, name), true);
    return this;
  }

  u64(offset: number, value: bigint, name: string): this {
    if (typeof value !== 'bigint' || value < 0n || value > 0xffff_ffff_ffff_ffffn)
      throw outOfRange(name, '0n to 2^64 - 1', value);
    this.#view.setBigUint64(offset, value, true);
    return this;
  }

  /** Copies bytes in. */
  part(offset: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, offset);
    return this;
  }
}

/** The error for a peer that breaks the protocol of a service. */
export function protocolViolation(service: string, detail: string, facts: Record<string, unknown> = {}): VmbusError {
  return new VmbusError('ERR_VMBUS_PROTOCOL', `${service}: ${detail}`, { facts: { service, detail, ...facts } });
}

function checked(value: number, most: number, name: string): number {
  if (!Number.isInteger(value) || value < 0 || value > most) throw outOfRange(name, `an integer in 0 … ${most}`, value);
  return value;
}

// SPDX-License-Identifier: MIT
//
// One open connection: a Duplex stream over a channel. What the ring has no room for waits in the stream's write callback;
// what a script does not read waits in the ring. Either side may end its half first.
// Called by: hvsock-offer.ts, host-channel.ts. Packets: protocol/hvsock.ts.

import { Duplex } from 'node:stream';

import type { VmbusError } from '../../errors.js';
import { decodeSocketPacket, encodeSocketPacket, mostSocketPacketBytes } from '../../protocol/hvsock.js';
import { pipeHeaderBytes } from '../../protocol/pipe.js';
import { protocolViolation } from '../../protocol/wire-fields.js';
import type { HostChannel, HostPacket, ProviderSession } from '../types.js';
import { connectionGone } from './hvsock-errors.js';

const inband = 6;
/** A packet should leave room for others in the smallest ring (20 KiB), so that both ends work at a time. */
const leastChunkBytes = 4088;
/** Packets made at once; those that did not fit are made again. */
const packetsAtOnce = 8;

type Done = (error?: Error | null) => void;

/** What a stream asks of its connection. */
interface StreamHooks {
  read(): void;
  write(chunk: Uint8Array, done: Done): void;
  final(done: Done): void;
  destroy(error: Error | null, done: Done): void;
}

/** Where a connection begins and ends. */
export interface SocketPorts {
  readonly localPort: number;
  readonly remotePort: number;
  readonly allowHalfOpen: boolean;
}

/**
 * A connection with a process in the guest. Ends as any Duplex: `end()` ends the host's half, the event `end` says that the guest
 * ended its own, and the connection is withdrawn when both are over or with `destroy()`. It emits `error` when the guest is reset or
 * breaks the protocol.
 */
export class HvSocket extends Duplex {
  /** Port on the host's side. */
  readonly localPort: number;
  /** Port on the guest's side. */
  readonly remotePort: number;

  constructor({ localPort, remotePort, allowHalfOpen }: SocketPorts, hooks: StreamHooks) {
    super({
      allowHalfOpen,
      read: () => hooks.read(),
      write: (chunk: Uint8Array, _encoding, done) => hooks.write(chunk, done),
      final: (done) => hooks.final(done),
      destroy: (error, done) => hooks.destroy(error, done),
    });
    this.localPort = localPort;
    this.remotePort = remotePort;
  }
}

interface Writing {
  readonly chunk: Uint8Array;
  offset: number;
  readonly done: Done;
}

/** The host's end of one connection. */
export class SocketSession implements ProviderSession {
  readonly socket: HvSocket;
  readonly #channel: HostChannel;
  readonly #chunkBytes: number;
  readonly #released: () => void;
  #writing: Writing | null = null;
  /** The end of our half waits for room. */
  #ending: Done | null = null;
  #isPaused = false;
  /** The guest ended its half. */
  #hasEnded = false;
  #isGone = false;
  #violation: Error | null = null;

  /** @param released The stream is over: withdraw the channel. */
  constructor(channel: HostChannel, ports: SocketPorts, released: () => void) {
    this.#channel = channel;
    this.#released = released;
    const most = channel.maxPayloadBytes - pipeHeaderBytes;
    this.#chunkBytes = Math.min(most, mostSocketPacketBytes, Math.max(leastChunkBytes, Math.floor(most / 32) * 8));
    this.socket = new HvSocket(ports, {
      read: () => this.#resume(),
      write: (chunk, done) => this.#write(chunk, done),
      final: (done) => this.#end(done),
      destroy: (error, done) => this.#destroy(error, done),
    });
  }

  onPacket(packet: HostPacket): void {
    if (this.socket.destroyed) return;
    let bytes: Uint8Array;
    try {
      bytes = this.#opened(packet);
    } catch (error) {
      // First the channel: a stream that is over withdraws it, and nobody would hear why.
      this.#violation = error as Error;
      this.#channel.fail(error);
      return;
    }
    if (bytes.length === 0) {
      this.#hasEnded = true;
      this.socket.push(null);
    } else if (!this.socket.push(Buffer.from(bytes)) && !this.#isPaused) {
      this.#isPaused = true;
      this.#channel.pause();
    }
  }

  onSpace(): void {
    if (this.#writing) this.#push(this.#writing);
    if (this.#writing || !this.#ending) return;
    const done = this.#ending;
    this.#ending = null;
    this.#end(done);
  }

  onClose(): void {
    this.#isGone = true;
    // Both halves may be over, with bytes that nobody has read yet.
    if (this.#hasEnded && !this.#violation && !this.#writing && !this.#ending) return;
    if (!this.socket.destroyed) this.socket.destroy(this.#violation ?? this.#gone());
  }

  #opened({ type, payload }: HostPacket): Uint8Array {
    if (type !== inband) throw protocolViolation('hvsock', `packet of type ${type}`, { type });
    const bytes = decodeSocketPacket(payload);
    if (this.#hasEnded) throw protocolViolation('hvsock', `${bytes.length} bytes after the end`);
    return bytes;
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#channel.resume();
  }

  #write(chunk: Uint8Array, done: Done): void {
    if (this.#isGone) done(this.#gone());
    else this.#push({ chunk, offset: 0, done });
  }

  /** Sends no packet for an empty chunk: that would end our half. */
  #push(writing: Writing): void {
    const { chunk } = writing;
    while (writing.offset < chunk.length) {
      const parts: Uint8Array[] = [];
      for (let at = writing.offset; at < chunk.length && parts.length < packetsAtOnce; at += this.#chunkBytes)
        parts.push(chunk.subarray(at, at + this.#chunkBytes));
      const sent = this.#channel.sendMany(parts.map(encodeSocketPacket));
      for (const part of parts.slice(0, sent)) writing.offset += part.length;
      if (sent === parts.length) continue;
      this.#writing = writing;
      return;
    }
    this.#writing = null;
    writing.done();
  }

  #end(done: Done): void {
    if (this.#isGone) done(this.#gone());
    else if (this.#channel.send(encodeSocketPacket(new Uint8Array(0)))) done();
    else this.#ending = done;
  }

  #destroy(error: Error | null, done: Done): void {
    const [writing, ending] = [this.#writing, this.#ending];
    [this.#writing, this.#ending] = [null, null];
    writing?.done(error ?? this.#gone());
    ending?.(error ?? this.#gone());
    this.#released();
    done(error);
  }

  #gone(): VmbusError {
    return connectionGone(this.#channel, this.socket.remotePort);
  }
}

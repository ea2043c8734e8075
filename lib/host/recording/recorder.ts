// SPDX-License-Identifier: MIT
//
// Writes down what guests and providers say to each other, over whatever attachment: it stands between a provider and its
// channels. What is recorded can be replayed without the guest: replay.ts.
// Called by: scripts, `hv sim --record`, the tests with real kernels. Calls: format.ts.

import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';

import { VmbusError } from '../../errors.js';
import type {
  BusService,
  GuestMemory,
  HostChannel,
  HostPacket,
  HostSendOptions,
  Provider,
  ProviderSession,
  ServiceBus,
  SharedBuffer,
} from '../types.js';
import { type ChannelEvent, type ControlLine, placesOf, type RecordingHead, toHex } from './format.js';

/**
 * A recording that is being made.
 * @example
 * await using recorder = new Recorder('run.jsonl');
 * const host = await SimulatedHost.start({ devices: [recorder.of(heartbeat())] });
 */
export class Recorder implements AsyncDisposable {
  readonly path: string;
  readonly #file: WriteStream;
  readonly #began = performance.now();
  #failure: Error | null = null;
  #channels = 0;

  /** @param path File to write; must not exist. */
  constructor(path: string) {
    this.path = path;
    this.#file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
    this.#file.on('error', (error) => {
      this.#failure = error;
    });
    const head: RecordingHead = { recording: 'vmbus', version: 1, started: new Date().toISOString() };
    this.#file.write(`${JSON.stringify(head)}\n`);
  }

  /** Begins a recording whose file is there. @throws VmbusError ERR_VMBUS_SYSTEM when it cannot be made, or was there before */
  static async open(path: string): Promise<Recorder> {
    const recorder = new Recorder(path);
    try {
      await once(recorder.#file, 'open');
      return recorder;
    } catch (error) {
      throw recorder.#unwritten(error);
    }
  }

  /** The provider, with an ear at each of its channels. Packets come one by one, so it is not for measuring. */
  of<P extends Provider>(provider: P): P {
    const onOpen = (channel: HostChannel): ProviderSession => {
      this.#channels += 1;
      const log = this.#logOf(provider.name, this.#channels);
      const { subchannelIndex, maxPayloadBytes, openData } = channel;
      log({ what: 'open', class: provider.classGuid, subchannelIndex, maxPayloadBytes, data: toHex(openData) });
      return sessionWithEar(provider.onOpen(channelWithEar(channel, log)), log);
    };
    return standIn(provider, { onOpen });
  }

  /** The service, with an ear at each channel of whatever it offers, such as sockets. */
  ofService<S extends BusService>(service: S): S {
    const onBus = (bus: ServiceBus): void => service.onBus({ offer: (provider) => bus.offer(this.of(provider)) });
    return standIn(service, { onBus });
  }

  /** A control message of the bus. */
  control(what: ControlLine['what'], bytes: Uint8Array): void {
    this.#write({ what, bytes: toHex(bytes), ms: this.#ms() });
  }

  /** Ends the file. @throws VmbusError ERR_VMBUS_SYSTEM when it could not be written */
  async close(): Promise<void> {
    if (!this.#file.writableEnded) this.#file.end();
    try {
      await finished(this.#file);
    } catch (error) {
      throw this.#unwritten(this.#failure ?? error);
    }
  }

  /** Gives the recording up: its file is removed. */
  async discard(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #unwritten(cause: unknown): VmbusError {
    const { path } = this;
    const { code = 'EIO' } = cause as NodeJS.ErrnoException;
    const what = code === 'EEXIST' ? 'is there already' : `cannot be written: ${code}`;
    return new VmbusError('ERR_VMBUS_SYSTEM', `the recording ${path} ${what}`, {
      path,
      cause,
      errnoName: code,
      hint: 'name a file that does not exist yet, in a folder that can be written',
    });
  }

  #logOf(device: string, channel: number): Log {
    return (event) => this.#write({ ...event, ms: this.#ms(), device, channel });
  }

  #ms(): number {
    return Math.round((performance.now() - this.#began) * 1000) / 1000;
  }

  #write(line: unknown): void {
    if (this.#failure === null && !this.#file.writableEnded) this.#file.write(`${JSON.stringify(line)}\n`);
  }
}

type Log = (event: ChannelEvent) => void;

function sessionWithEar(session: ProviderSession, log: Log): ProviderSession {
  const own: Pick<ProviderSession, 'onPacket' | 'onClose'> & { readonly onBatch: undefined } = {
    onBatch: undefined, // single packets are what is written down
    onPacket(packet) {
      log({ what: 'from-guest', ...packetFields(packet) });
      session.onPacket(packet);
    },
    onClose(reason) {
      log({ what: 'close' });
      session.onClose?.(reason);
    },
  };
  return standIn(session, own);
}

function channelWithEar(channel: HostChannel, log: Log): HostChannel {
  const sent = (payload: Uint8Array, options: HostSendOptions): void => {
    const { type = 6, flags = 0, transactionId = 0n, header = new Uint8Array(0) } = options;
    log({ what: 'to-guest', ...packetFields({ type, flags, transactionId, header, payload }) });
  };
  const own: Partial<HostChannel> = {
    send(payload, options = {}) {
      const isSent = channel.send(payload, options);
      if (isSent) sent(payload, options);
      return isSent;
    },
    sendMany(payloads, options = {}) {
      const count = channel.sendMany(payloads, options);
      for (const payload of payloads.slice(0, count)) sent(payload, options);
      return count;
    },
    complete(transactionId, payload) {
      const isSent = channel.complete(transactionId, payload);
      if (isSent) sent(payload, { type: 11, transactionId });
      return isSent;
    },
    offerSubchannels(count) {
      log({ what: 'offer-subchannels', count });
      channel.offerSubchannels(count);
    },
    rescind() {
      log({ what: 'rescind' });
      channel.rescind();
    },
    fail(error) {
      log({ what: 'fail' });
      channel.fail(error);
    },
    memory: memoryWithEar(channel.memory, log),
  };
  return standIn(channel, own);
}

/** An object with some of its members replaced; the others stay those of the object that they belong to. */
function standIn<T extends object>(original: T, own: object): T {
  return new Proxy(original, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name) as unknown;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

function memoryWithEar(memory: GuestMemory, log: Log): GuestMemory {
  return {
    async read(ranges) {
      const bytes = await memory.read(ranges);
      log({ what: 'memory-read', at: placesOf(ranges), bytes: toHex(bytes) });
      return bytes;
    },
    async write(ranges, bytes) {
      log({ what: 'memory-written', at: placesOf(ranges), bytes: toHex(bytes) });
      await memory.write(ranges, bytes);
    },
    buffer(gpadl) {
      const buffer = memory.buffer(gpadl);
      log({ what: 'buffer', gpadl, sizeBytes: buffer?.sizeBytes ?? -1 });
      return buffer && bufferWithEar(buffer, gpadl, log);
    },
  };
}

function bufferWithEar(buffer: SharedBuffer, gpadl: number, log: Log): SharedBuffer {
  return {
    sizeBytes: buffer.sizeBytes,
    async read(at, length) {
      const bytes = await buffer.read(at, length);
      log({ what: 'memory-read', gpadl, at, bytes: toHex(bytes) });
      return bytes;
    },
    async write(at, bytes) {
      log({ what: 'memory-written', gpadl, at, bytes: toHex(bytes) });
      await buffer.write(at, bytes);
    },
  };
}

function packetFields({ type, flags, transactionId, header, payload }: HostPacket): {
  readonly type: number;
  readonly flags: number;
  readonly id: string;
  readonly header?: string;
  readonly payload: string;
} {
  const fields = { type, flags, id: String(transactionId), payload: toHex(payload) };
  return header.length === 0 ? fields : { ...fields, header: toHex(header) };
}

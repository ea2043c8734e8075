// SPDX-License-Identifier: MIT
//
// Hyper-V sockets: streams between the host and processes in the guest, which use AF_VSOCK. Each connection is a device of its
// own, offered when somebody connects and withdrawn when both ends are done.
// Called by: scripts, as a service of a host. Calls: hvsock-offer.ts.

import { randomUUID } from 'node:crypto';

import { checkFlag, checkInteger, checkLimits, checkOptionNames, checkText } from '../../check.js';
import { invalidType } from '../../errors.js';
import { type Guid, parseGuid } from '../../guid.js';
import { mostListenPort, portOfService, serviceOfPort } from '../../protocol/hvsock.js';
import type { BusService, ServiceBus } from '../types.js';
import { guestLost, nobodyListens, noGuest, portTaken, tooMany } from './hvsock-errors.js';
import { type SocketHooks, SocketOffer, type SocketPlan } from './hvsock-offer.js';
import type { HvSocket } from './hvsock-session.js';
import type { WaitOptions } from './listeners.js';

/** Options of {@link hvSock}. */
export interface HvSockOptions {
  /** Connections at a time in both directions; more are refused. Default 256. */
  readonly mostConnections?: number;
  /** How long a guest may take to open what it asked for, in milliseconds. Default 5000. */
  readonly openTimeoutMs?: number;
  /** False: our half ends by itself after the guest's, as in node:net. Default true. */
  readonly allowHalfOpen?: boolean;
  /** Default `hvsock`. */
  readonly name?: string;
}

/** Who takes connections of the guest. */
export type HvSockHandler = (socket: HvSocket) => void | Promise<void>;

/** A port that is listened on. */
export interface HvSockListener extends Disposable {
  readonly port: number;
  /** Refuses connections from now on; those that are open stay. */
  close(): void;
}

/** Sockets of a host. */
export interface HvSock extends BusService {
  /** Whether a guest is there to connect to. */
  readonly isConnected: boolean;
  /** Connections that are open. */
  readonly sockets: readonly HvSocket[];
  /**
   * Takes the guest's connections to a port of the host (CID 2). What the handler throws ends the connection.
   * @throws VmbusError ERR_VMBUS_IN_USE when the port has a listener
   */
  listen(port: number, handler: HvSockHandler, options?: { readonly signal?: AbortSignal }): HvSockListener;
  /**
   * Connects to a process that listens in the guest.
   * @param options Default time: 5000 ms. The signal is for connecting only.
   * @throws VmbusError ERR_VMBUS_TIMEOUT when nobody listens there, ERR_VMBUS_CLOSED without a guest, ERR_VMBUS_BUSY with
   * too many connections
   */
  connect(port: number, options?: WaitOptions): Promise<HvSocket>;
  /** Ends every connection and stops listening. */
  close(): void;
}

const listenOptions: readonly string[] = ['signal'];
const defaultTimeoutMs = 5000;
const mostTimeoutMs = 2 ** 31 - 1;

/**
 * Sockets. `for await (const chunk of socket)` destroys a stream when it is over, as Node has it; to answer after the guest's end
 * read with `socket.iterator({ destroyOnReturn: false })`.
 * @throws TypeError, RangeError for options that make no sense
 * @example
 * const sockets = hvSock();
 * sockets.listen(5000, (socket) => void socket.pipe(socket)); // guest: socat - VSOCK-CONNECT:2:5000
 * await using host = await QemuHost.start({ stream, devices: [], services: [sockets] });
 * const shell = await sockets.connect(1024, { timeoutMs: 2000 }); // guest: socat VSOCK-LISTEN:1024 EXEC:sh
 * shell.end('uname -a\n');
 * shell.pipe(process.stdout);
 */
export function hvSock(options: HvSockOptions = {}): HvSock {
  checkOptionNames(options, ['mostConnections', 'openTimeoutMs', 'allowHalfOpen', 'name']);
  checkText(options.name, 'options.name');
  checkFlag(options.allowHalfOpen, 'options.allowHalfOpen');
  const { mostConnections = 256, openTimeoutMs = defaultTimeoutMs, allowHalfOpen = true } = options;
  checkInteger(mostConnections, 'options.mostConnections', 1, 2047);
  checkInteger(openTimeoutMs, 'options.openTimeoutMs', 1, mostTimeoutMs);
  return new Sockets({ mostConnections, openTimeoutMs, allowHalfOpen, name: options.name ?? 'hvsock' });
}

class Sockets implements HvSock {
  readonly name: string;
  readonly #options: Required<HvSockOptions>;
  readonly #handlers = new Map<number, HvSockHandler>();
  readonly #offers = new Set<SocketOffer>();
  #bus: ServiceBus | null = null;

  constructor(options: Required<HvSockOptions>) {
    this.#options = options;
    this.name = options.name;
  }

  get isConnected(): boolean {
    return this.#bus !== null;
  }

  get sockets(): readonly HvSocket[] {
    return [...this.#offers].flatMap(({ socket }) => (socket ? [socket] : []));
  }

  listen(port: number, handler: HvSockHandler, options: { readonly signal?: AbortSignal } = {}): HvSockListener {
    checkInteger(port, 'port', 0, mostListenPort);
    if (typeof handler !== 'function') throw invalidType('handler', 'a function', handler);
    checkOptionNames(options, listenOptions);
    checkLimits(options);
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#handlers.has(port)) throw portTaken(port);
    this.#handlers.set(port, handler);
    const close = (): void => {
      signal?.removeEventListener('abort', close);
      if (this.#handlers.get(port) === handler) this.#handlers.delete(port);
    };
    signal?.addEventListener('abort', close);
    return { port, close, [Symbol.dispose]: close };
  }

  async connect(port: number, options: WaitOptions = {}): Promise<HvSocket> {
    checkInteger(port, 'port', 0, mostListenPort);
    checkOptionNames(options, ['signal', 'timeoutMs']);
    checkLimits(options);
    const { signal, timeoutMs = defaultTimeoutMs } = options;
    signal?.throwIfAborted();
    const bus = this.#bus;
    if (!bus) throw noGuest(port);
    if (this.#isFull) throw tooMany(port, this.#options.mostConnections);
    const plan = { service: serviceOfPort(port), endpoint: hostEndpoint(), isFromHost: true, timeoutMs };
    let stop = (): void => undefined;
    try {
      return await new Promise<HvSocket>((resolve, reject) => {
        const offer = this.#start(bus, plan, {
          opened: resolve,
          expired: () => {
            reject(nobodyListens(port, timeoutMs));
            offer.end();
          },
          gone: () => reject(noGuest(port)),
        });
        const onAbort = (): void => {
          reject(signal?.reason);
          offer.end();
        };
        signal?.addEventListener('abort', onAbort);
        stop = () => signal?.removeEventListener('abort', onAbort);
      });
    } finally {
      stop();
    }
  }

  close(): void {
    this.#handlers.clear();
    for (const offer of [...this.#offers]) offer.end();
  }

  onBus(bus: ServiceBus): void {
    this.onBusLost();
    this.#bus = bus;
  }

  onBusLost(): void {
    this.#bus = null;
    for (const offer of [...this.#offers]) offer.end(guestLost());
  }

  onConnect(endpoint: Guid, service: Guid): boolean {
    const port = portOfService(service);
    const handler = port === null ? undefined : this.#handlers.get(port);
    if (!handler || !this.#bus || this.#isFull) return false;
    // A second offer of the same two GUIDs would be taken for a subchannel, or for nothing.
    if ([...this.#offers].some(({ instanceGuid }) => instanceGuid === endpoint)) return false;
    const plan = { service, endpoint, isFromHost: false, timeoutMs: this.#options.openTimeoutMs };
    try {
      const offer = this.#start(this.#bus, plan, {
        opened: (socket) => handOver(socket, handler),
        expired: () => offer.end(),
        gone: () => undefined,
      });
      return true;
    } catch {
      // No channel is left, or the endpoint is another device: refused, as by anybody else.
      return false;
    }
  }

  get #isFull(): boolean {
    return this.#offers.size >= this.#options.mostConnections;
  }

  #start(bus: ServiceBus, plan: Omit<SocketPlan, 'allowHalfOpen'>, hooks: SocketHooks): SocketOffer {
    const { allowHalfOpen } = this.#options;
    const offer: SocketOffer = new SocketOffer(
      { ...plan, allowHalfOpen },
      {
        ...hooks,
        gone: () => {
          this.#offers.delete(offer);
          hooks.gone();
        },
      },
    );
    this.#offers.add(offer);
    try {
      offer.start(bus);
    } catch (error) {
      this.#offers.delete(offer);
      throw error;
    }
    return offer;
  }
}

/** What a handler throws ends its connection. */
function handOver(socket: HvSocket, handler: HvSockHandler): void {
  const end = (error: unknown): void => {
    socket.destroy(error instanceof Error ? error : new Error(String(error)));
  };
  try {
    handler(socket)?.catch(end);
  } catch (error) {
    end(error);
  }
}

/** A GUID of no service, whose port is one that nobody can listen on. */
function hostEndpoint(): Guid {
  const guid = randomUUID();
  return parseGuid((Number.parseInt(guid.slice(0, 1), 16) | 8).toString(16) + guid.slice(1));
}

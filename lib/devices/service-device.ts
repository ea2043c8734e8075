// SPDX-License-Identifier: MIT
//
// One of /dev/vmbus/hv_kvp, hv_vss, hv_fcopy, held in the place of the distribution's daemon: registered with the kernel, and
// registered again when the host has switched the service off and on.
// Called by: kvp.ts, vss.ts, fcopy.ts. Calls: the addon for the node, bus/watch for the news of its coming back.
// Source of the facts: drivers/hv/hv_utils_transport.c and hv_kvp.c of the Linux kernel. The kernel waits for our close, without a
// limit, when it takes a service away; the addon closes as soon as it hears of that.

import { constants } from 'node:os';

import { resolveRoot, rootKind, under } from '../bus/root.js';
import { openUeventSource, type UeventSource } from '../bus/watch/uevent-source.js';
import type { CloseReason } from '../channel/types.js';
import { errnoName, VmbusError } from '../errors.js';
import { native } from '../native/load.js';
import { isAbsent, type ServicePlace, serviceOpenError } from './service-device/open-error.js';
import { Turns } from './service-device/turns.js';
import type { ServiceHandlers, ServiceOptions, ServiceState } from './service-device/types.js';

export type * from './service-device/types.js';

/** The kernel answers a registration at once. */
const registrationMs = 10_000;
/** Somebody who starts when the node comes, such as a daemon of the system, may be the first, and end again. */
const retryMs = 250;
const mostFailures = 8;

/** A service device. */
export class ServiceDevice implements AsyncDisposable {
  /** Resolves when the service has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #place: ServicePlace;
  readonly #handlers: ServiceHandlers;
  readonly #signal: AbortSignal | undefined;
  readonly #resolveClosed: (reason: CloseReason) => void;
  readonly #onAbort = (): void => this.#end({ by: 'abort', error: this.#signal?.reason });
  #turns: Turns<Uint8Array, Uint8Array> | null = null;
  #news: UeventSource | null = null;
  #timer: NodeJS.Timeout | null = null;
  #handle: number | null = null;
  #state: ServiceState = 'absent';
  /** Openings in a row that came to nothing although there was a node. */
  #failures = 0;
  /** A service that is not there is waited for; so it is once it was there. */
  #waits: boolean;
  /** Nobody tells of nodes that come any more. */
  #isDeaf = false;
  #first: { resolve(): void; reject(error: unknown): void } | null = null;

  private constructor({ dialect, handlers, signal, wait = false }: ServiceOptions, root: string) {
    this.#waits = wait;
    this.#place = { root, dialect, path: under(root, `dev/vmbus/${dialect.node}`) };
    this.#handlers = handlers;
    this.#signal = signal;
    let resolveClosed = (_: CloseReason): void => undefined;
    this.closed = new Promise((resolve) => {
      resolveClosed = resolve;
    });
    this.#resolveClosed = resolveClosed;
  }

  /**
   * Opens and registers; resolves when requests can come.
   * @throws VmbusError ERR_VMBUS_BUSY with `facts.ownerPid`, ERR_VMBUS_NO_DEVICE unless it is to be waited for,
   * ERR_VMBUS_PERMISSION, ERR_VMBUS_TIMEOUT, ERR_VMBUS_PROTOCOL, ERR_VMBUS_SYSTEM; the signal's reason
   */
  static async open(options: ServiceOptions): Promise<ServiceDevice> {
    options.signal?.throwIfAborted();
    const device = new ServiceDevice(options, resolveRoot(options.root));
    await device.#start();
    return device;
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** Ends the service: the host is told that nobody answers. Safe to call twice. */
  async close(): Promise<void> {
    this.#end({ by: 'user' });
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(): Promise<void> {
    const { root } = this.#place;
    const ready = new Promise<void>((resolve, reject) => {
      this.#first = { resolve, reject };
    });
    ready.catch(() => undefined);
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    try {
      // First the news, then the look: nothing that happens between them is missed.
      const news = await openUeventSource(root, rootKind(root), {
        news: () => this.#onNews(),
        end: () => this.#onDeaf(),
      });
      if (this.#state === 'closed') news.close();
      else this.#news = news;
      this.#look();
    } catch (error) {
      this.#end({ by: 'error', error: error as Error });
    }
    await ready;
  }

  /** Something has changed: perhaps the node is there. A retry that is due soon finds it as well, and news must not use those up. */
  #onNews(): void {
    if (this.#timer === null) this.#look();
  }

  /** The simulated host is gone, and whatever it would have offered. */
  #onDeaf(): void {
    this.#isDeaf = true;
    if (this.#state === 'absent' && this.#timer === null) this.#end({ by: 'error', error: this.#absentError() });
  }

  #look(): void {
    if (this.#state === 'absent') this.#open();
  }

  #open(): void {
    const { path, dialect } = this.#place;
    this.#stopTimer();
    const turns = new Turns(
      (request: Uint8Array, signal: AbortSignal) => this.#handlers.answer(request, signal),
      (request, answer) => this.#send(request, answer),
      (error) => this.#end({ by: 'error', error: error as Error }),
    );
    let handle = 0;
    handle = native().openService(path, (message) => this.#take(handle, message));
    if (handle < 0) {
      this.#onOpenFailed(-handle);
      return;
    }
    this.#handle = handle;
    this.#turns = turns;
    this.#enter('registering');
    const errno = native().writeService(handle, dialect.registration);
    // A simulated kernel that sends us away may have hung up already: why, is still to be read.
    const isHeard = errno === 0 || errnoName(errno) === 'EPIPE';
    if (isHeard) this.#timer = setTimeout(() => this.#onSilence(), registrationMs);
    else if (isAbsent(errno)) this.#lose();
    else this.#end({ by: 'error', error: this.#registrationError(errno) });
  }

  #onOpenFailed(errno: number): void {
    if (isAbsent(errno) && this.#waits && !this.#isDeaf) this.#failures = 0;
    else if (errnoName(errno) === 'EBUSY' && this.#waits && this.#failures < mostFailures) this.#tryLater();
    else this.#end({ by: 'error', error: serviceOpenError(errno, this.#place) });
  }

  #tryLater(): void {
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#look(), retryMs);
  }

  /** A message of the kernel; none: the service is off, and the addon has closed the node. */
  #take(handle: number, message: Uint8Array): void {
    if (handle !== this.#handle) return;
    if (message.length === 0) this.#lose();
    else if (this.#state === 'registering') this.#onGreeted(message);
    else this.#turns?.take(message);
  }

  #onGreeted(message: Uint8Array): void {
    const isSentAway = rootKind(this.#place.root) === 'simulated' && isBusyNotice(message);
    if (isSentAway) {
      this.#drop();
      this.#enter('absent');
      this.#onOpenFailed(constants.errno.EBUSY);
      return;
    }
    this.#stopTimer();
    try {
      this.#place.dialect.checkRegistered(message);
    } catch (error) {
      this.#end({ by: 'violation', error: error as Error });
      return;
    }
    this.#failures = 0;
    this.#waits = true;
    this.#enter('ready');
    this.#first?.resolve();
    this.#first = null;
  }

  #send(request: Uint8Array, answer: Uint8Array): void {
    if (this.#handle === null) return;
    const errno = native().writeService(this.#handle, answer);
    if (errno === 0) return;
    if (errnoName(errno) === 'EINVAL') this.#handlers.onLate?.(request);
    else if (isAbsent(errno) || errnoName(errno) === 'EPIPE') this.#lose();
    else this.#end({ by: 'error', error: serviceOpenError(errno, this.#place) });
  }

  /** The service is off. It is looked for once more: what broke may have been the opening alone. */
  #lose(): void {
    this.#drop();
    this.#enter('absent');
    if (this.#failures < mostFailures) this.#tryLater();
    else this.#end({ by: 'error', error: this.#absentError() });
  }

  #drop(): void {
    this.#stopTimer();
    if (this.#handle !== null) native().closeService(this.#handle);
    this.#handle = null;
    this.#turns?.end();
    this.#turns = null;
  }

  #onSilence(): void {
    const { path, dialect } = this.#place;
    const error = new VmbusError(
      'ERR_VMBUS_TIMEOUT',
      `${path} did not answer the registration in ${registrationMs} ms`,
      {
        path,
        hint: `hv doctor; journalctl -k | grep ${dialect.node}`,
      },
    );
    this.#end({ by: 'error', error });
  }

  #absentError(): VmbusError {
    return serviceOpenError(constants.errno.ENODEV, this.#place);
  }

  #registrationError(errno: number): VmbusError {
    const { path, dialect } = this.#place;
    return new VmbusError('ERR_VMBUS_SYSTEM', `${path} refused the registration: ${errnoName(errno)}`, {
      path,
      syscall: 'write',
      errno,
      errnoName: errnoName(errno),
      hint: `does this kernel have the ${dialect.name} service of Linux 5.10 or newer?`,
    });
  }

  #end(reason: CloseReason): void {
    if (this.#state === 'closed') return;
    this.#drop();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#news?.close();
    this.#news = null;
    this.#state = 'closed';
    const { path } = this.#place;
    this.#first?.reject(reason.error ?? new VmbusError('ERR_VMBUS_CLOSED', `${path} was closed`, { path }));
    this.#first = null;
    try {
      this.#handlers.onState?.('closed');
    } finally {
      this.#resolveClosed(reason);
    }
  }

  #enter(state: ServiceState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#handlers.onState?.(state);
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** A node of a simulated kernel can't refuse to be opened: it says so in its first message (native/os/service_server). */
function isBusyNotice(message: Uint8Array): boolean {
  return message.length === 4 && Buffer.from(message).readInt32LE(0) === constants.errno.EBUSY;
}

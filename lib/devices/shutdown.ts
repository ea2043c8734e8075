// SPDX-License-Identifier: MIT
//
// Shutdown by the host from the guest's side: a script decides, gets ready within a limit, and acts when the host has its answer.
// While it serves the device the kernel does nothing at the host's wish.
// Called by scripts and services/lifecycle. Frame and versions: ic-service.ts; bytes: protocol/shutdown.ts; the limit:
// shutdown/decide.ts. Source of the facts: shutdown_onchannelcallback in drivers/hv/hv_util.c.

import type { Device } from '../bus/types.js';
import type { Channel } from '../channel/types.js';
import { checkFlag, checkInteger } from '../check.js';
import { invalidType, VmbusError } from '../errors.js';
import { IcStatus, IcType, icStatusName, icVersion } from '../protocol/ic.js';
import { decodeShutdown, type ShutdownRequest, shutdownClass, shutdownWay } from '../protocol/shutdown.js';
import { checkServedChannel, openDeviceChannel } from './channel-of-device.js';
import { checkIcGuestOptions, IcGuest } from './ic-guest.js';
import type { IcAnswer, IcRequest } from './ic-service.js';
import { type Decision, decide } from './shutdown/decide.js';
import type { OpenShutdownOptions, ShutdownAsk, ShutdownEvent, ShutdownGuestOptions } from './shutdown/types.js';

export type * from './shutdown/types.js';

const dialect = {
  name: 'shutdown',
  type: IcType.shutdown,
  frameworks: [icVersion(3, 0), icVersion(1, 0)],
  versions: [icVersion(3, 2), icVersion(3, 1), icVersion(3, 0), icVersion(1, 0)],
};
const ownOptions = ['onRequest', 'onAccepted', 'limitMs', 'whenOverdue', 'canHibernate'];
const handlers = ['onRequest', 'onAccepted'];
/** Less than the half minute after which hosts give a request up. */
const defaultLimitMs = 20_000;

/**
 * Opens the shutdown device, which must be bound to uio_hv_generic, and serves it.
 * @throws what {@link openChannel} throws; TypeError for another device or wrong options
 * @example
 * await using binding = await bindDevice(bus.device('shutdown'));
 * await using shutdown = await openShutdown(bus.device('shutdown'), {
 *   onRequest: (ask, signal) => drain({ signal }),
 *   onAccepted: ({ way }) => void execFile('systemctl', [way === 'restart' ? 'reboot' : 'poweroff']),
 * });
 * @category Devices
 */
export async function openShutdown(device: Device, options: OpenShutdownOptions): Promise<ShutdownService> {
  checkIcGuestOptions(options, [...ownOptions, 'channel'], handlers);
  const { channel: _channel, ...rest } = options;
  checkOwn(rest);
  return serveShutdown(
    await openDeviceChannel(device, { guid: shutdownClass, name: 'the shutdown device' }, options),
    rest,
  );
}

/**
 * Serves shutdown requests on an open channel, which is the service's from here on.
 * @throws TypeError, RangeError for what is no channel, and for wrong options
 * @example
 * await using shutdown = serveShutdown(channel, { onAccepted: ({ way }) => console.log('now:', way) });
 * for await (const { ask, answer } of shutdown.events()) console.log(ask.way, answer);
 * @category Devices
 */
export function serveShutdown(channel: Channel, options: ShutdownGuestOptions): ShutdownService {
  checkServedChannel(channel);
  checkIcGuestOptions(options, ownOptions, handlers);
  checkOwn(options);
  return new ShutdownService(channel, options);
}

/**
 * A guest's side of the shutdown service. Made by {@link openShutdown} or {@link serveShutdown}.
 * @category Devices
 */
export class ShutdownService extends IcGuest<ShutdownEvent> {
  readonly #options: ShutdownGuestOptions;

  /** @internal */
  constructor(channel: Channel, options: ShutdownGuestOptions) {
    super(channel, dialect, options);
    this.#options = options;
  }

  protected override async answer({ body }: IcRequest, signal: AbortSignal): Promise<IcAnswer> {
    const ask = askOf(body);
    // Nothing is done about what nobody can be sure to understand.
    if (ask === null) return { status: IcStatus.failed };
    if (ask.way === 'hibernate' && this.#options.canHibernate !== true) return this.#refuse(ask, IcStatus.notSupported);
    const { onRequest, limitMs = defaultLimitMs, whenOverdue = 'accept' } = this.#options;
    const decision: Decision =
      onRequest === undefined
        ? { accepts: true }
        : await decide((asked) => onRequest(ask, asked), { limitMs, signal, acceptsOverdue: whenOverdue === 'accept' });
    if (!decision.accepts) return this.#refuse(ask, decision.status, decision);
    const { isOverdue = false } = decision;
    return { status: IcStatus.done, after: () => this.#act(ask, isOverdue) };
  }

  #refuse(ask: ShutdownAsk, status: number, { isOverdue = false, error }: Partial<Decision> = {}): IcAnswer {
    const event = { ask, answer: 'refused' as const, status, statusName: icStatusName(status), isOverdue };
    return { status, after: () => this.tell(error === undefined ? event : { ...event, error }) };
  }

  /** Reply first, act afterwards: the host is told that it is obeyed before anything that could keep it from hearing so. */
  #act(ask: ShutdownAsk, isOverdue: boolean): void {
    this.tell({ ask, answer: 'accepted', status: IcStatus.done, statusName: icStatusName(IcStatus.done), isOverdue });
    // What fails now has no answer left to tell it: the service ends with it, which no script overlooks.
    void (async () => this.#options.onAccepted(ask))().catch((error: unknown) => this.fail(error));
  }
}

/** The request in a body; null for one that is no request, or wants what nobody knows. */
function askOf(body: Uint8Array): ShutdownAsk | null {
  let request: ShutdownRequest;
  try {
    request = decodeShutdown(body);
  } catch (error) {
    if (VmbusError.is(error)) return null;
    throw error;
  }
  const way = shutdownWay(request.flags);
  if (way === null) return null;
  const { reason, timeoutSeconds, text } = request;
  return { ...way, reason, timeoutSeconds, text };
}

function checkOwn({ limitMs, whenOverdue, canHibernate, onAccepted }: ShutdownGuestOptions): void {
  if (typeof onAccepted !== 'function') throw invalidType('options.onAccepted', 'a function', onAccepted);
  if (limitMs !== undefined) checkInteger(limitMs, 'options.limitMs', 0, 0x7fff_ffff);
  if (whenOverdue !== undefined && whenOverdue !== 'accept' && whenOverdue !== 'refuse')
    throw invalidType('options.whenOverdue', '"accept" or "refuse"', whenOverdue);
  checkFlag(canHibernate, 'options.canHibernate');
}

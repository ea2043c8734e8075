// SPDX-License-Identifier: MIT
//
// The heartbeat from the guest's side: each number of the host is answered with the next one and how the guest feels, which the
// kernel's own driver never says.
// Called by scripts. Frame and versions: ic-service.ts; bytes: protocol/heartbeat.ts.

import type { Device } from '../bus/types.js';
import type { Channel } from '../channel/types.js';
import { invalidValue, VmbusError } from '../errors.js';
import {
  decodeHeartbeat,
  encodeHeartbeatReply,
  type HeartbeatHealth,
  heartbeatClass,
  heartbeatStateNumber,
} from '../protocol/heartbeat.js';
import { IcStatus, IcType, icVersion } from '../protocol/ic.js';
import { checkServedChannel, openDeviceChannel } from './channel-of-device.js';
import { checkIcGuestOptions, IcGuest, type IcGuestOptions, type IcOpenOptions } from './ic-guest.js';
import type { IcAnswer, IcRequest } from './ic-service.js';

export type { HeartbeatHealth } from '../protocol/heartbeat.js';

/** Options of {@link serveHeartbeat}. */
export interface HeartbeatGuestOptions extends IcGuestOptions {
  /** How the guest feels at first. Default `healthy`. */
  readonly health?: HeartbeatHealth;
}

/** Options of {@link openHeartbeat}. */
export interface OpenHeartbeatOptions extends HeartbeatGuestOptions, IcOpenOptions {}

/** A beat that was answered. */
export interface HeartbeatBeat {
  /** The host's number; the answer was one more. */
  readonly sequence: bigint;
  /** What the host was told. */
  readonly health: HeartbeatHealth;
}

const dialect = {
  name: 'heartbeat',
  type: IcType.heartbeat,
  frameworks: [icVersion(3, 0), icVersion(1, 0)],
  versions: [icVersion(3, 0), icVersion(1, 0)],
};
const ownOptions = ['health'];

/**
 * Opens the heartbeat device, which must be bound to uio_hv_generic, and serves it.
 * @throws what {@link openChannel} throws; TypeError for another device or wrong options
 * @example
 * await using binding = await bindDevice(bus.device('heartbeat'));
 * await using heartbeat = await openHeartbeat(bus.device('heartbeat'));
 * heartbeat.health = 'critical'; // the host sees it with the next beat
 * @category Devices
 */
export async function openHeartbeat(device: Device, options: OpenHeartbeatOptions = {}): Promise<HeartbeatService> {
  checkIcGuestOptions(options, [...ownOptions, 'channel'], []);
  const { channel: _channel, ...rest } = options;
  checkHealth(rest.health);
  return serveHeartbeat(
    await openDeviceChannel(device, { guid: heartbeatClass, name: 'the heartbeat device' }, options),
    rest,
  );
}

/**
 * Serves the heartbeat on an open channel, which is the service's from here on.
 * @throws TypeError for what is no channel, and for wrong options
 * @example
 * await using heartbeat = serveHeartbeat(channel, { health: 'healthy' });
 * for await (const { sequence } of heartbeat.events()) console.log(sequence);
 * @category Devices
 */
export function serveHeartbeat(channel: Channel, options: HeartbeatGuestOptions = {}): HeartbeatService {
  checkServedChannel(channel);
  checkIcGuestOptions(options, ownOptions, []);
  checkHealth(options.health);
  return new HeartbeatService(channel, options);
}

/**
 * A guest's side of the heartbeat. Made by {@link openHeartbeat} or {@link serveHeartbeat}.
 * @category Devices
 */
export class HeartbeatService extends IcGuest<HeartbeatBeat> {
  #health: HeartbeatHealth;
  #beats = 0;

  /** @internal */
  constructor(channel: Channel, options: HeartbeatGuestOptions) {
    super(channel, dialect, options);
    this.#health = options.health ?? 'healthy';
  }

  /** How the guest feels: told with each beat. */
  get health(): HeartbeatHealth {
    return this.#health;
  }

  set health(health: HeartbeatHealth) {
    checkHealth(health);
    this.#health = health;
  }

  /** Beats answered so far. */
  get beats(): number {
    return this.#beats;
  }

  protected override answer({ body }: IcRequest): IcAnswer {
    try {
      const { sequence } = decodeHeartbeat(body);
      const health = this.#health;
      const reply = encodeHeartbeatReply(body, heartbeatStateNumber(health));
      const after = (): void => {
        this.#beats += 1;
        this.tell({ sequence, health });
      };
      return { status: IcStatus.done, body: reply, after };
    } catch (error) {
      if (VmbusError.is(error)) return { status: IcStatus.failed };
      throw error;
    }
  }
}

function checkHealth(health: unknown): void {
  if (health === undefined || heartbeatStateNumber(health as HeartbeatHealth) >= 0) return;
  throw invalidValue('health', 'must be unknown, healthy, critical or stopped', health);
}

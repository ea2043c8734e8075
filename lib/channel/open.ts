// SPDX-License-Identifier: MIT
//
// `openChannel()`: from a device of the bus to an open channel.
// Called by: scripts. Calls: open-plan.ts, lease-registry.ts, channel-core.ts.

import { unwatchAbort, watchAbort } from '../abort-watch.js';
import type { Device } from '../bus/types.js';
import { invalidType } from '../errors.js';
import { Status } from '../native/binding.js';
import { checkOpenOptions } from './arguments.js';
import { ChannelCore } from './channel-core.js';
import { type ChannelName, reasonOfStatus } from './close-reasons.js';
import type { Lease } from './lease.js';
import { type LeaseRegistry, leases } from './lease-registry.js';
import { type ChannelPlan, checkUnchanged, type PlanOptions, planOf } from './open-plan.js';
import { OpenedChannel } from './opened-channel.js';
import type { AttachChannelOptions, Channel, OpenChannelOptions } from './types.js';
import { callSite } from './unclosed.js';

const defaultTimeoutMs = 10_000;
/** Sizes of the inbox where the script names none. */
export const defaultSizes: Required<AttachChannelOptions> = { arenaBytes: 32 * 1024, batchPackets: 256, busyPollUs: 0 };

/**
 * Opens the primary channel of a device that is bound to uio_hv_generic, or of a simulated one. A thread has a device open
 * once; the channel closes its subchannels with it.
 *
 * @example
 * await using channel = await openChannel(bus.device('echo'));
 * const reply = await channel.request(Uint8Array.of(1, 2, 3), { timeoutMs: 1000 });
 *
 * @throws VmbusError ERR_VMBUS_NOT_BOUND, _BUSY, _PERMISSION, _NO_DEVICE, _TIMEOUT, _UNSUPPORTED, _RESCINDED, …; the signal's
 * reason when it aborts
 * @category Channels
 */
export async function openChannel(device: Device, options: OpenChannelOptions = {}): Promise<Channel> {
  checkDevice(device);
  checkOpenOptions(options);
  return openForDriver(device, options, callSite(openChannel));
}

/** The same for a device driver of ours, with what only those may want. Not for scripts. */
export async function openForDriver(device: Device, options: PlanOptions, openedAt: string): Promise<Channel> {
  options.signal?.throwIfAborted();
  const core = await openPrimary(leases(), device, options);
  return new OpenedChannel(core, { parent: null, openedAt });
}

function checkDevice(device: unknown): void {
  const isDevice =
    typeof device === 'object' && device !== null && 'id' in device && 'path' in device && 'uio' in device;
  if (!isDevice) throw invalidType('device', 'a device of a bus (bus.device(name))', device);
}

/** The same without the face, on a registry of the caller's. Not for scripts. */
export async function openPrimary(registry: LeaseRegistry, device: Device, options: PlanOptions): Promise<ChannelCore> {
  const { signal, timeoutMs = defaultTimeoutMs } = options;
  const plan = planOf(device, options, timeoutMs);
  const name: ChannelName = { device: device.id, relid: plan.relid };
  const lease = await registry.open(name, plan.nodePath, plan.native, { signal, timeoutMs });
  lease.place = plan.place;
  lease.buffers = plan.native.buffers ?? null;
  try {
    checkUnchanged(plan, device.id);
  } catch (error) {
    await lease.close();
    throw error;
  }
  const core = await coreOn(lease, name, plan, options);
  if (signal !== undefined) closeOnAbort(core, signal);
  if (core.ending === null) return core;
  await core.finish();
  throw core.errorOfEnding();
}

async function coreOn(
  lease: Lease,
  name: ChannelName,
  plan: ChannelPlan,
  options: OpenChannelOptions,
): Promise<ChannelCore> {
  const handle = lease.binding.attachPrimary(lease.handle);
  if (handle <= 0) {
    await lease.close();
    throw reasonOfStatus(name, lease.binding, 0, handle === 0 ? Status.closed : handle).error;
  }
  const sizes = {
    arenaBytes: options.arenaBytes ?? defaultSizes.arenaBytes,
    batchPackets: options.batchPackets ?? defaultSizes.batchPackets,
    busyPollUs: options.busyPollUs ?? defaultSizes.busyPollUs,
  };
  return new ChannelCore({
    ...name,
    ...sizes,
    lease,
    handle,
    ringFile: null,
    monitorId: plan.monitorId,
    isPolled: false,
    claim: lease.claim(plan.relid),
    ticket: null,
  });
}

// The signal given at open ends the channel later, too.
function closeOnAbort(core: ChannelCore, signal: AbortSignal): void {
  const onAbort = (): void => core.end({ by: 'abort', error: signal.reason as Error });
  if (signal.aborted) {
    onAbort();
    return;
  }
  watchAbort(signal, onAbort);
  void core.closed.then(() => unwatchAbort(signal, onAbort));
}

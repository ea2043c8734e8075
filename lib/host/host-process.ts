// SPDX-License-Identifier: MIT
//
// Starts a simulated host in a process of its own, so that its work is not done on the caller's event loop.
// Called by: `hv --sim`, `hv sim`, `hv demo`, tests, benchmarks. Calls: child-host.ts. The child is process-main.ts; it dies with this process.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { checkLimits, checkOptionNames } from '../check.js';
import { invalidType } from '../errors.js';
import { ChildHost } from './child-host.js';
import type { EventsOptions } from './event-reader.js';
import type { HostProcessEvent, ListedDevice, ProcessDevice, ProcessOptions } from './process-protocol.js';
import type { NamedDevice } from './providers/by-name.js';

/** Options of {@link startHostProcess}. */
export interface HostProcessOptions extends ProcessOptions {
  /** Gives up starting, or ends the host later. */
  readonly signal?: AbortSignal;
  /** How long starting may take. Default 10 s. */
  readonly timeoutMs?: number;
}

/** A simulated host in a process of its own. Does not keep this process alive. */
export interface HostProcess extends AsyncDisposable {
  /** Folder to open as root. */
  readonly root: string;
  readonly pid: number;
  /** Devices offered at the start. */
  readonly devices: readonly ProcessDevice[];
  /** Resolves when the process has ended, for whatever reason, with its exit status (null: killed by a signal). */
  readonly ended: Promise<number | null>;
  /** Devices offered now. */
  list(): Promise<readonly ListedDevice[]>;
  /** Offers one more device. @throws as {@link startHostProcess} */
  add(device: NamedDevice | string): Promise<ProcessDevice>;
  /** Withdraws a device, by provider name, class or instance GUID. @throws VmbusError ERR_VMBUS_NO_DEVICE */
  rescind(device: string): Promise<void>;
  /**
   * Does something with a device: a verb of its provider, see `providersByName`, with arguments as plain data. Resolves with the
   * result as plain data; a guest may take its time.
   * @throws VmbusError ERR_VMBUS_NO_DEVICE; TypeError for an unknown verb or wrong arguments; what the provider's method throws
   * @example
   * await host.call('kvp', 'set', 'greeting', 'hello');
   * const { health } = await host.call('heartbeat', 'state');
   */
  call(device: string, verb: string, ...args: readonly unknown[]): Promise<unknown>;
  /**
   * What happens on the host: devices and channels that come and go, what devices tell, what guests do wrong. The first reader
   * is told what happened before, too (the newest 1000 events), any other one what happens from its call on. A reader that
   * falls behind loses the oldest events and is told how many (`missed`). Ends on abort and with the host; leaving the loop
   * is enough otherwise. While nobody listens, guests' mistakes are warnings on standard error.
   * @example
   * for await (const event of host.events({ signal })) console.log(event.time, event.kind);
   */
  events(options?: EventsOptions): AsyncIterableIterator<HostProcessEvent>;
  /** Takes away a device node alone. */
  vanishNode(device: string): Promise<void>;
  /** Brings every attribute up to date now. */
  refresh(): Promise<void>;
  /**
   * Ends the host; its folder is gone when this resolves. Safe to call twice.
   * @throws VmbusError ERR_VMBUS_SYSTEM when its recording could not be written
   */
  close(): Promise<void>;
  /** The same as {@link close}. */
  stop(): Promise<void>;
}

const startTimeoutMs = 10_000;

/**
 * Starts a host process and waits until it serves its folder.
 * @throws VmbusError ERR_VMBUS_TIMEOUT, ERR_VMBUS_SYSTEM; TypeError, RangeError for unknown devices or options, and for wrong ones
 * @example
 * await using host = await startHostProcess({ devices: ['echo'], bound: true });
 */
export async function startHostProcess(options: HostProcessOptions): Promise<HostProcess> {
  checkOptionNames(options, ['devices', 'root', 'cpus', 'bound', 'requireMonitor', 'record', 'signal', 'timeoutMs']);
  checkLimits(options);
  // Everything else is checked where it is used, in the child.
  if (!Array.isArray(options.devices)) throw invalidType('options.devices', 'an array of devices', options.devices);
  const { signal, timeoutMs = startTimeoutMs, ...plain } = options;
  signal?.throwIfAborted();
  const child = spawn(process.execPath, [fileURLToPath(new URL('./process-main.js', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // The child outlives a Ctrl-C of the terminal until we let it go: the guest's end closes first.
    detached: true,
  });
  const host = new ChildHost(child);
  const onAbort = (): void => void host.close().catch(() => undefined);
  signal?.addEventListener('abort', onAbort, { once: true });
  void host.ended.then(() => signal?.removeEventListener('abort', onAbort));
  try {
    await host.begin(plain, timeoutMs);
  } catch (error) {
    await host.close();
    signal?.throwIfAborted();
    throw error;
  }
  return host;
}

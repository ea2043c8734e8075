// SPDX-License-Identifier: MIT
//
// The shapes of a daemon's work in the place of the distribution's. Nothing runs here.

import type { ServiceState } from '../../../devices/service-device.js';
import type { KvpDeviceRequest } from '../../../protocol/kvp-device.js';
import type { KvpIpInfo } from '../../../protocol/kvp-ip-types.js';

/** Options of `serveKvpPools`. */
export interface ServeKvpPoolsOptions {
  /** Folder that holds `dev/vmbus` and `var/lib/hyperv`. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  /** Ends the service. */
  readonly signal?: AbortSignal;
  /** Wait for a service that is not there yet. Default false. */
  readonly wait?: boolean;
  /**
   * Sets the addresses of a network interface, as the host asks for. Without it the host hears that this is not supported, as
   * from distributions whose daemon comes without its script.
   */
  setIpInfo?(change: KvpIpChange, signal: AbortSignal): void | Promise<void>;
  /** Told of each request that was answered. */
  onRequest?(event: KvpServedRequest): void;
  /** Told when the service comes (`ready`) and goes (`absent`). */
  onState?(state: ServiceState): void;
}

/** Addresses that a host wants an interface to have. */
export interface KvpIpChange {
  /** Name of the interface: `eth0`. */
  readonly interface: string;
  readonly info: KvpIpInfo;
}

/** A request of the host that was answered. */
export interface KvpServedRequest {
  /** Null where the kernel's message was none. */
  readonly request: KvpDeviceRequest | null;
  /** See `IcStatus`. */
  readonly status: number;
  /** Why it could not be done. */
  readonly error: unknown;
}

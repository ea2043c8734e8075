// SPDX-License-Identifier: MIT
//
// What the services on /dev/vmbus/hv_* have in common: what one says first, what serves it, where it is. Nothing runs here.

/** What is particular to one service: a constant of its protocol. */
export interface ServiceDialect {
  /** As errors name it: `kvp`, `vss`, `fcopy`. */
  readonly name: string;
  /** Name of its node in /dev/vmbus. */
  readonly node: string;
  /** The distribution's daemon, whose place a script takes; as Debian calls its unit. */
  readonly daemon: string;
  /** What is written first. */
  readonly registration: Uint8Array;
  /** Looks at the kernel's answer to it. @throws VmbusError ERR_VMBUS_PROTOCOL */
  checkRegistered(message: Uint8Array): void;
}

/**
 * Where a service is. `absent`: there is no node, the host has it switched off or the driver is not there; it is waited for.
 * `ready`: requests come.
 */
export type ServiceState = 'absent' | 'registering' | 'ready' | 'closed';

/** What serves it. */
export interface ServiceHandlers {
  /**
   * Answers a request of the host; the bytes of the request are its own. One at a time: when a new one comes, or nobody waits
   * any more, the signal of the former is aborted, and what it answers is dropped. An error ends the service.
   */
  answer(message: Uint8Array, signal: AbortSignal): Uint8Array | Promise<Uint8Array>;
  /** Told of each state but the first. `absent` in the middle: what was begun for the host is to be undone. */
  onState?(state: ServiceState): void;
  /** The kernel did not take an answer, for its time was over: the host was told that the request failed. */
  onLate?(request: Uint8Array): void;
}

/** Options of {@link ServiceDevice.open}. */
export interface ServiceOptions {
  /** Folder that holds `dev/`. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  readonly dialect: ServiceDialect;
  readonly handlers: ServiceHandlers;
  /** Ends the service. */
  readonly signal?: AbortSignal;
  /** Wait for a service that is not there yet. Default false. */
  readonly wait?: boolean;
}

// SPDX-License-Identifier: MIT
//
// The leases of this thread: one per node that it opened, one per lease of another thread that it attached to.
// Called by: open.ts, attach.ts. Calls: native/binding openLease, attachLease.
// The kernel's open can't be interrupted: who gives up waiting is answered at once, and a lease that comes late is closed.

import { constants } from 'node:os';
import { Limit, type Patience } from '../limit.js';
import { type Binding, type OpenPlan, OpenStage } from '../native/binding.js';
import { native } from '../native/load.js';
import { busyError, type ChannelName, closedError, timeoutError } from './close-reasons.js';
import { Lease } from './lease.js';
import { openError } from './open-errors.js';

export class LeaseRegistry {
  readonly binding: Binding;
  readonly #byPath = new Map<string, Lease>();
  readonly #byToken = new Map<number, Promise<Lease>>();

  constructor(binding: Binding) {
    this.binding = binding;
  }

  /** Opens a node. @throws VmbusError, the signal's reason */
  open(name: ChannelName, path: string, plan: OpenPlan, patience: Patience): Promise<Lease> {
    const known = this.#byPath.get(path);
    if (known !== undefined) return Promise.reject(heldError(name, known));
    const lease = new Lease(this.binding, path, { isOwner: true, onClosed: () => this.#byPath.delete(path) });
    return new Promise((resolve, reject) => {
      let isAwaited = true;
      const giveUp = (error: unknown): void => {
        isAwaited = false;
        reject(error);
      };
      const limit = new Limit(patience, giveUp, (timeoutMs) =>
        timeoutError(name, 'open', timeoutMs, whyOpenHangs),
      ).ref();
      const done = (errno: number, stage: number, handle: number): void => {
        limit.clear();
        if (stage !== OpenStage.none) {
          this.#byPath.delete(path);
          if (isAwaited) reject(openError(this.binding, name, path, errno, stage));
          return;
        }
        lease.opened(handle);
        if (isAwaited) resolve(lease);
        else void lease.close();
      };
      this.#byPath.set(path, lease);
      try {
        this.binding.openLease(path, plan, lease.onEvent, done);
      } catch (error) {
        limit.clear();
        this.#byPath.delete(path);
        reject(error);
      }
    });
  }

  /** Attaches to another thread's lease, or finds that it is attached already. @throws VmbusError */
  async attach(name: ChannelName, path: string, token: number): Promise<Lease> {
    const known = await this.#byToken.get(token);
    if (known !== undefined && !known.isOver) return known;
    const attaching = this.#attach(name, path, token);
    this.#byToken.set(token, attaching);
    attaching.catch(() => this.#forget(token, attaching));
    return attaching;
  }

  #attach(name: ChannelName, path: string, token: number): Promise<Lease> {
    const lease: Lease = new Lease(this.binding, path, { isOwner: false, onClosed: () => undefined });
    return new Promise((resolve, reject) => {
      this.binding.attachLease(token, lease.onEvent, (errno, stage, handle) => {
        if (stage !== OpenStage.none) return reject(attachError(this.binding, name, path, errno, stage));
        lease.opened(handle);
        resolve(lease);
      });
    });
  }

  #forget(token: number, attaching: Promise<Lease>): void {
    if (this.#byToken.get(token) === attaching) this.#byToken.delete(token);
  }
}

// A token nobody has, or has no more.
function attachError(binding: Binding, name: ChannelName, path: string, errno: number, stage: number): Error {
  const isOver = errno === constants.errno.ENOENT || errno === constants.errno.ECANCELED;
  return isOver ? closedError(name, 'owner') : openError(binding, name, path, errno, stage);
}

const whyOpenHangs = 'the kernel waits for the host, and that wait has no end; what it opens late is closed again';

function heldError(name: ChannelName, lease: Lease): Error {
  if (lease.handle === 0) {
    return busyError(
      name,
      'it is being opened, or an open that was given up has not come back',
      'hv doctor, if it stays so',
    );
  }
  const why = lease.isOver ? 'it is being closed' : 'this thread has it open';
  return busyError(name, why, 'use that channel, or close it and await close() first');
}

let registry: LeaseRegistry | undefined;

/** The leases of this thread. @throws VmbusError ERR_VMBUS_NATIVE_LOAD */
export function leases(): LeaseRegistry {
  registry ??= new LeaseRegistry(native());
  return registry;
}

// SPDX-License-Identifier: MIT
//
// The hold on one device node in this thread: its wakes go to every channel of it, because there is one wake for all.
// Called by: open.ts, attach.ts (make it), channel-core.ts (members). Calls: native/binding.
// A wake can be lost: the kernel drops interrupts while it resets a callback. So while somebody waits, a slow timer looks too.

import { VmbusError } from '../errors.js';
import type { Guid } from '../guid.js';
import { type Binding, type BufferPlan, LeaseEvent, LeaseInspect } from '../native/binding.js';
import { Claim } from './claim.js';
import { type ChannelName, closedError, nameOf, rescindedError } from './close-reasons.js';
import type { DevicePlace } from './device-place.js';
import type { CloseReason } from './types.js';

/** How long a lost wake can keep somebody waiting. */
const watchdogMs = 1000;
/** How often a channel is looked at that must not interrupt, while somebody waits. */
const pollMs = 2;

/** A channel on the lease. */
export interface LeaseMember {
  readonly device: Guid;
  readonly relid: number;
  /** Somebody waits for packets, a completion or space. */
  readonly isWaiting: boolean;
  /** Its interrupt must stay off. */
  readonly isPolled: boolean;
  wake(): void;
  /** The lease is over: nothing native may be called any more but to close. */
  leaseEnded(reason: CloseReason): void;
}

export class Lease {
  readonly binding: Binding;
  readonly nodePath: string;
  /** The thread opened the node itself, rather than attached to another's lease. */
  readonly isOwner: boolean;
  /** What stays as it was at open, by the positions of `LeaseInspect`. */
  readonly facts: Float64Array = new Float64Array(LeaseInspect.words);
  /** Where the device stands in its tree; null in a thread that attached. */
  place: DevicePlace | null = null;
  /** Buffers of the device that are mapped; null where none were asked for. */
  buffers: BufferPlan | null = null;
  handle = 0;
  wakes = 0;
  #members: readonly LeaseMember[] = [];
  readonly #claims = new Map<number, Claim>();
  #event: number = LeaseEvent.wake;
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;
  readonly #keeping = new Set<LeaseMember>();
  #closing: Promise<number> | null = null;
  readonly #onClosed: () => void;

  constructor(binding: Binding, nodePath: string, role: { isOwner: boolean; onClosed: () => void }) {
    this.binding = binding;
    this.nodePath = nodePath;
    this.isOwner = role.isOwner;
    this.#onClosed = role.onClosed;
  }

  /** The node is open. */
  opened(handle: number): void {
    this.handle = handle;
    this.binding.inspectLease(handle, this.facts);
  }

  get isSimulated(): boolean {
    return this.facts[LeaseInspect.kind] === 1;
  }

  /** What the addon calls for every wake, and once when it is over. */
  readonly onEvent = (event: number): void => {
    if (event !== LeaseEvent.wake) {
      this.#end(event);
      return;
    }
    this.wakes += 1;
    for (const member of this.#members) member.wake();
  };

  /** Whether the host withdrew the device, or the owner's thread closed it. */
  get isOver(): boolean {
    return this.#event !== LeaseEvent.wake || this.#closing !== null;
  }

  get members(): readonly LeaseMember[] {
    return this.#members;
  }

  add(member: LeaseMember): void {
    this.#members = [...this.#members, member];
    if (this.#event !== LeaseEvent.wake) member.leaseEnded(this.#reasonFor(member));
  }

  remove(member: LeaseMember): void {
    this.#members = this.#members.filter((other) => other !== member);
    this.keep(member, { alive: false });
  }

  /** The claim on a channel of the device, open here or not. */
  claim(relid: number): Claim {
    const known = this.#claims.get(relid) ?? new Claim();
    this.#claims.set(relid, known);
    return known;
  }

  /** The process stays alive while any member wants it to. */
  keep(member: LeaseMember, { alive }: { alive: boolean }): void {
    const before = this.#keeping.size > 0;
    if (alive) this.#keeping.add(member);
    else this.#keeping.delete(member);
    const after = this.#keeping.size > 0;
    if (before !== after && this.#closing === null) this.binding.refLease(this.handle, after);
  }

  /** A member waits: look after it from time to time. The timer keeps nothing alive and stops by itself. */
  watchWait(member: LeaseMember): void {
    const ms = member.isPolled ? pollMs : watchdogMs;
    if (this.#timer !== undefined && this.#timerMs <= ms) return;
    clearInterval(this.#timer);
    this.#timerMs = ms;
    this.#timer = setInterval(() => this.#tick(), ms).unref();
  }

  /** Closes the node off the event loop. Resolves to an errno, 0 for none. Channels are closed before. */
  close(): Promise<number> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#closing ??= new Promise((resolve) => {
      this.binding.closeLease(this.handle, (errno) => {
        this.#onClosed();
        resolve(errno);
      });
    });
    return this.#closing;
  }

  #end(event: number): void {
    if (this.#event !== LeaseEvent.wake) return;
    this.#event = event;
    for (const member of this.#members) member.leaseEnded(this.#reasonFor(member));
  }

  #reasonFor(member: LeaseMember): CloseReason {
    switch (this.#event) {
      case LeaseEvent.rescinded:
        return { by: 'rescind', error: rescindedError(member) };
      case LeaseEvent.unsignalled:
        return { by: 'error', error: unsignalledError(member) };
      default:
        return { by: 'owner', error: closedError(member, 'owner') };
    }
  }

  #tick(): void {
    let isAnyWaiting = false;
    for (const member of this.#members) {
      if (!member.isWaiting) continue;
      isAnyWaiting = true;
      member.wake();
    }
    if (isAnyWaiting) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

// The kernel stores into the ring of every channel that the host offers when it signals, and one has none.
function unsignalledError(name: ChannelName): VmbusError {
  const text =
    `The host can't be told of packets on ${nameOf(name)}: it offered a subchannel that the kernel has not opened, ` +
    'and a doorbell would crash the guest';
  return new VmbusError('ERR_VMBUS_UNSUPPORTED', text, {
    device: name.device,
    channel: name.relid,
    facts: { feature: 'doorbell beside a subchannel that is not open' },
    hint: `hv channels ${name.device} shows which one; dmesg | grep uio_hv_generic says why. Ask the host for fewer`,
  });
}

// SPDX-License-Identifier: MIT
//
// The last moments of a card that is being withdrawn. Linux's hv_netvsc waits for what it has in flight before it lets go of its card,
// and once it has heard of the withdrawal neither its own completions nor the host's come through: what is in flight then keeps
// it, and all that need its locks, waiting for ever. So it hears of it when nothing is: the cable is out, its driver has given back
// all that it got, and nothing has passed for a while.
// Called by: nic.ts. Source: rndis_filter_halt_device() in drivers/net/hyperv/rndis_filter.c, vmbus_chan_sched() in
// drivers/hv/vmbus_drv.c of Linux.

/** Nothing in either direction for so long: the driver has no reason left to send, and had the time to read. */
const quietMs = 300;

/** Waits until the guest has come to rest. */
export class Withdrawal {
  /** Resolves then, or at the end. */
  readonly rest: Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #resolve = (): void => undefined;

  /** @param isIdle Whether the guest has given back all that it got */
  constructor(isIdle: () => boolean) {
    this.rest = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timer = setTimeout(() => {
      if (isIdle()) this.#resolve();
      else this.touch();
    }, quietMs);
  }

  /** Something passed. */
  touch(): void {
    this.#timer.refresh();
  }

  /** The guest has let go of the card. */
  end(): void {
    clearTimeout(this.#timer);
    this.#resolve();
  }
}

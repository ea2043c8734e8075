// SPDX-License-Identifier: MIT
//
// Fast channels: the guest sets a bit in a shared page instead of calling the hypervisor, and the host looks at the page.
// Called by: qemu-host.ts. Source: struct hv_monitor_page in include/asm-generic/hyperv-tlfs.h of Linux.

import type { Binding } from '../../native/binding.js';

/** How often to look. Hyper-V's own latency for network cards is 100 µs; a timer of Node has no less than this. */
const mappedMs = 1;
/** Without the page at hand every channel is looked at, which costs a round trip each. */
const streamedMs = 20;

/** Looks at the monitor page while somebody needs it. */
export class MonitorPoll {
  readonly #look: () => void;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | null = null;

  /** @param look See {@link mappedLook}; over a stream, a look at every fast channel. */
  constructor(isMapped: boolean, look: () => void) {
    this.#everyMs = isMapped ? mappedMs : streamedMs;
    this.#look = look;
  }

  /** Fast channels are open, or none is. */
  need(isNeeded: boolean): void {
    if (!isNeeded && this.#timer) clearInterval(this.#timer);
    if (!isNeeded) this.#timer = null;
    else this.#timer ??= setInterval(this.#look, this.#everyMs);
  }
}

/** Ids whose bits were set in a page of mapped memory; the bits are taken. */
export function takeMonitorIds(binding: Binding, memory: number, page: number): number[] {
  const groups = new Float64Array(4);
  if (binding.takeMonitorBits(memory, page, groups) !== 1) return [];
  return [...groups].flatMap((bits, group) =>
    Array.from({ length: 32 }, (_, bit) => bit)
      .filter((bit) => ((bits >>> bit) & 1) === 1)
      .map((bit) => 32 * group + bit),
  );
}

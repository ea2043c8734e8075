// SPDX-License-Identifier: MIT
//
// What the self test says: probes and the report that is sent in. Nothing runs here.

/** `pass` as documented; `differs` worth a look; `absent` not here, which may be right; `skip` could not be told. */
export type ProbeStatus = 'pass' | 'differs' | 'absent' | 'skip';

/** One thing that was looked at. */
export interface Probe {
  /** Stable name: `bus.listing`, `device.attributes`, `kernel.driver-override` … */
  readonly id: string;
  readonly status: ProbeStatus;
  /** The answer in one sentence. */
  readonly detail: string;
  /** Further facts, plain data. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

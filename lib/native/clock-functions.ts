// SPDX-License-Identifier: MIT
//
// The part of the addon's surface that reads clocks which Node cannot.
// Part of binding.ts. Counterpart: native/binding/clock_functions.cc.

/** Clocks of open descriptors. */
export interface ClockFunctions {
  /**
   * Reads a PTP clock (`/dev/ptpN`) between two looks at the system's clock. `out` gets seconds and nanoseconds of: the
   * system's before, the clock, the system's after. 0, or a negative errno: -EINVAL for what is no clock, -ESTALE for Hyper-V's
   * while the host has sent no time for long.
   */
  readPtpClock(fd: number, out: Float64Array): number;
}

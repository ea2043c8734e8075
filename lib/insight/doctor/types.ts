// SPDX-License-Identifier: MIT
//
// What the doctor says: shapes of checks, outcomes and the report.

import type { Evidence } from '../types.js';

/** `pass` fine; `info` worth knowing; `warn` will bite; `fail` broken; `skip` cannot be told here, the cause says why. */
export type Verdict = 'pass' | 'info' | 'warn' | 'fail' | 'skip';

/**
 * What became of a device or service that one looks for. Four ways of not working, and never one answer for all:
 * the host does not offer it; it does, but no driver has it; another driver has it; this kind of guest never gets it.
 */
export type Availability = 'working' | 'not-offered' | 'no-driver' | 'bound-elsewhere' | 'absent-by-design';

/** One answer of a check. */
export interface CheckOutcome {
  readonly verdict: Verdict;
  /** What it is about, where a check answers for several things: `kvp`, `eth0`, an instance GUID. */
  readonly subject?: string;
  readonly availability?: Availability;
  /** The answer in one sentence. */
  readonly cause: string;
  /**
   * Shell command to run in this guest, for this distribution; PowerShell for the host where it begins with a verb like
   * `Enable-`. Where no command does it, a sentence behind `# `, so that it can be pasted all the same.
   */
  readonly fix?: string;
  readonly evidence?: readonly Evidence[];
}

/** An answer as the report has it. */
export interface CheckResult extends Omit<CheckOutcome, 'subject' | 'availability' | 'fix' | 'evidence'> {
  /** Id of the check; part of the contract. */
  readonly id: string;
  readonly title: string;
  readonly subject: string | null;
  readonly availability: Availability | null;
  readonly fix: string | null;
  readonly evidence: readonly Evidence[];
}

/** Everything the doctor found. */
export interface DoctorReport {
  readonly root: string;
  readonly rootKind: 'guest' | 'simulated' | 'snapshot';
  /** What machine this is, in one sentence. */
  readonly machine: string;
  /** `Debian GNU/Linux 12 (bookworm)`; null where os-release says nothing. */
  readonly distribution: string | null;
  readonly kernel: string | null;
  readonly results: readonly CheckResult[];
  readonly counts: Readonly<Record<Verdict, number>>;
  /** The worst verdict among pass, warn and fail. */
  readonly verdict: 'pass' | 'warn' | 'fail';
}

/** Options of {@link doctor}. */
export interface DoctorOptions {
  /** Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  /** Ids of checks, or topics: `kvp`, `vss`, `net`, `kernel` … All where absent. */
  readonly only?: readonly string[];
  readonly signal?: AbortSignal;
}

/** What {@link doctorChecks} lists. */
export interface CheckInfo {
  readonly id: string;
  readonly title: string;
  readonly topics: readonly string[];
}

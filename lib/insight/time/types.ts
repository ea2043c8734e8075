// SPDX-License-Identifier: MIT
//
// What is told about this guest's clock: the shapes of timeReport(), and nothing that runs.

/** A clock of /sys/class/ptp. */
export interface PtpClock {
  /** `ptp0`: numbers vary from boot to boot, and a network card may have the first one. */
  readonly name: string;
  /** What its driver calls it; `hyperv` is the host's time. */
  readonly clockName: string | null;
  readonly isHost: boolean;
  /** `/dev/ptp0`; null where there is no such node. */
  readonly node: string | null;
}

/** How far the guest's clock is from the host's. */
export interface HostOffset {
  /** Guest minus host: positive where the guest is ahead. Null where it can't be had. */
  readonly seconds: number | null;
  /** The true offset lies within this of `seconds`. */
  readonly uncertaintySeconds: number | null;
  /** The clock that was read. */
  readonly source: string | null;
  /** Why there is no offset. */
  readonly reason: string | null;
}

/** Programs that keep a clock right. */
export type TimeKeeperName = 'chrony' | 'systemd-timesyncd' | 'ntpd' | 'openntpd' | 'ntpd-rs' | 'busybox ntpd';

/** A program that keeps the clock right, installed here. */
export interface TimeKeeper {
  readonly name: TimeKeeperName;
  /** Null where the root shows no processes. */
  readonly isRunning: boolean | null;
  readonly pid: number | null;
}

/** What chrony's configuration says about this guest's host. */
export interface ChronyConfiguration {
  /** Files that were read, as paths under the root. */
  readonly files: readonly string[];
  /** Clocks that chrony reads: devices of its PHC lines. */
  readonly phcDevices: readonly string[];
  /** One of these is the host's time. */
  readonly readsHost: boolean;
  /**
   * When chrony may set the clock at once instead of turning it slowly: `always`; `at-start` for its first measurements only;
   * `never`.
   */
  readonly steps: 'always' | 'at-start' | 'never';
}

/** Something to do about the clock. */
export interface TimeAdvice {
  /** Stable: part of the contract. */
  readonly id:
    | 'no-host-clock'
    | 'no-link'
    | 'no-keeper'
    | 'two-keepers'
    | 'keeper-without-host'
    | 'chrony-without-host'
    | 'chrony-never-steps'
    | 'chrony-steps-at-start';
  readonly severity: 'info' | 'warn';
  readonly says: string;
  /** Shell commands, or a sentence behind `# `. */
  readonly fix: string | null;
}

/** Everything that {@link timeReport} finds out. */
export interface TimeReport {
  readonly root: string;
  /** Milliseconds since 1970, by this guest's clock; null where the root is not the running system. */
  readonly nowMs: number | null;
  readonly offset: HostOffset;
  /** Driver of the host's time service; null where it has none or is not offered. */
  readonly service: { readonly isOffered: boolean; readonly driver: string | null };
  readonly ptp: readonly PtpClock[];
  /** Where `/dev/ptp_hyperv` leads to; null where there is no such link. */
  readonly link: string | null;
  /** What the kernel counts time with: `hyperv_clocksource_tsc_page`. */
  readonly clocksource: string | null;
  readonly keepers: readonly TimeKeeper[];
  readonly chrony: ChronyConfiguration | null;
  readonly advice: readonly TimeAdvice[];
}

/** Options of {@link timeReport}. */
export interface TimeReportOptions {
  /** Folder that holds `sys/` and `etc/`. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  readonly signal?: AbortSignal;
}

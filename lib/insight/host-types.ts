// SPDX-License-Identifier: MIT
//
// What is told about the host and this machine: the shapes of hostInfo(), and nothing that runs.

/** One fact with where it is from; or why it can't be had. */
export interface HostField<T = string> {
  readonly value: T | null;
  /** A path under the root, with the key in it where it is a pool; `cpuid 0x40000002`. Null where there is no value. */
  readonly source: string | null;
  /** Why there is no value; null where there is one. */
  readonly reason: string | null;
}

/** How the id that the host tells and the one in the firmware's tables go together. */
export interface VmIdCheck {
  /**
   * `same`: byte for byte; `swapped`: with the first three fields in the other byte order, as firmware before SMBIOS 2.6 has
   * them; `unknown`: one of the two can't be had.
   */
  readonly verdict: 'same' | 'swapped' | 'different' | 'unknown';
  readonly says: string;
}

/** Everything that {@link hostInfo} finds out. */
export interface HostInfo {
  readonly root: string;
  /** Name of the host, or of its cluster, as the host tells it. */
  readonly hostName: HostField;
  /** Name of the machine that this guest runs on. */
  readonly physicalHostName: HostField;
  /** The same with its domain. */
  readonly physicalHostNameFullyQualified: HostField;
  /** Version of the host's hypervisor: `10.0.20348`. */
  readonly hostVersion: HostField;
  readonly vmName: HostField;
  /** Lower case. As the host tells it; else the firmware's. */
  readonly vmId: HostField;
  /** UUID in the firmware's tables, with its first three fields in the usual order as far as that can be told. */
  readonly biosUuid: HostField;
  readonly vmIdCheck: VmIdCheck;
  /** Serial numbers that the host's administrator may choose; only root may read them. */
  readonly biosSerial: HostField;
  readonly boardSerial: HostField;
  readonly chassisSerial: HostField;
  readonly assetTag: HostField;
}

/** Options of {@link hostInfo}. */
export interface HostInfoOptions {
  /** Folder that holds `sys/` and `var/`. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  readonly signal?: AbortSignal;
}

// SPDX-License-Identifier: MIT
//
// What is found out about the machine and its host, and how sure it is: the shapes of detect(), and nothing that runs.

/** How much a finding can be relied on. */
export type Confidence = 'certain' | 'likely' | 'guess';

/** One fact that was looked at. */
export interface Evidence {
  /** Where it was looked: a path under the root, or `cpuid 0x40000000`. */
  readonly source: string;
  /** What was found there, in words. */
  readonly says: string;
}

/** A conclusion with what it rests on. */
export interface Finding<T> {
  readonly value: T;
  readonly confidence: Confidence;
  readonly evidence: readonly Evidence[];
}

/** Who runs this machine. `none` = bare metal; `unknown` = nothing tells. */
export type Hypervisor = 'hyper-v' | 'kvm' | 'xen' | 'vmware' | 'other' | 'simulated' | 'none' | 'unknown';

/** Where a guest of Hyper-V runs. */
export type Platform = 'azure' | 'wsl' | 'on-premises';

/** Version of the host as the hypervisor tells it. */
export interface HostVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
  readonly servicePack: number;
  readonly serviceBranch: number;
  readonly serviceNumber: number;
  /** `10.0.14393` */
  readonly text: string;
}

/** Technique that keeps the host out of the guest's memory. */
export type Isolation = 'none' | 'vbs' | 'snp' | 'tdx' | 'other';

/** One feature or recommendation of the hypervisor. */
export interface Enlightenment {
  /** Stable short name: `synic`, `stimer`, `reference-tsc`, `relaxed-timing` … */
  readonly name: string;
  readonly title: string;
  readonly kind: 'feature' | 'recommendation';
}

/** What the hypervisor is laid out for; 0 = it does not say. */
export interface HypervisorLimits {
  readonly virtualProcessors: number;
  readonly logicalProcessors: number;
  readonly interruptVectors: number;
}

/** Presence of the bus. */
export interface VmbusPresence {
  readonly isPresent: boolean;
  readonly devices: number;
}

/** Everything that {@link detect} finds out. A null value = cannot be told here; its evidence says why. */
export interface Detection {
  readonly root: string;
  readonly rootKind: 'guest' | 'simulated' | 'snapshot';
  readonly architecture: string | null;
  readonly hypervisor: Finding<Hypervisor>;
  /** The hypervisor speaks Hyper-V's interface, whoever made it. */
  readonly hyperVInterface: Finding<boolean | null>;
  /** Null unless the hypervisor is Microsoft's. */
  readonly platform: Finding<Platform | null>;
  /** This partition is the one that rules the others, not a guest. */
  readonly isRootPartition: boolean;
  readonly hostVersion: Finding<HostVersion | null>;
  readonly generation: Finding<1 | 2 | null>;
  readonly isolation: Finding<Isolation | null>;
  /** True where the guest is kept from its host: SNP, TDX or VBS. */
  readonly isConfidential: boolean;
  readonly vmbus: Finding<VmbusPresence>;
  readonly enlightenments: readonly Enlightenment[];
  readonly limits: HypervisorLimits | null;
  /** One sentence. */
  readonly summary: string;
}

/** Options of {@link detect}. */
export interface DetectOptions {
  /** Folder that holds `sys/` and `proc/`. Default VMBUS_ROOT or `/`. CPUID is asked for `/` only. */
  readonly root?: string;
}

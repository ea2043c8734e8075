// SPDX-License-Identifier: MIT
//
// What the CPUID leaves of a hypervisor mean. Pure: four numbers in, names out.
// Called by evidence.ts and info.ts.
// Source: Hypervisor Top Level Functional Specification, chapter 2 and 3; arch/x86/include/asm/hyperv-tlfs.h of Linux.

import type { Enlightenment, HostVersion, HypervisorLimits, Isolation } from './types.js';

/** Registers of one leaf: eax, ebx, ecx, edx. */
export type CpuidLeaf = readonly [number, number, number, number];

/** Leaves worth asking for: the identity, Hyper-V's interface, and the second interface that KVM and Xen put behind it. */
export const hypervisorLeaves = {
  vendor: 0x4000_0000,
  interface: 0x4000_0001,
  version: 0x4000_0002,
  features: 0x4000_0003,
  recommendations: 0x4000_0004,
  limits: 0x4000_0005,
  isolation: 0x4000_000c,
  secondVendor: 0x4000_0100,
} as const;

/** `Hv#1` in eax of the interface leaf: speaks Hyper-V's interface, whatever the vendor says. */
export const hyperVInterfaceId = 0x3123_7648;

type Row = readonly [bit: number, name: string, title: string];

const featuresEax: readonly Row[] = [
  [0, 'vp-runtime', 'virtual processor run time'],
  [1, 'time-reference', 'partition reference counter'],
  [2, 'synic', 'synthetic interrupt controller'],
  [3, 'stimer', 'synthetic timers'],
  [4, 'apic-msrs', 'APIC access by MSR'],
  [5, 'hypercalls', 'hypercalls'],
  [6, 'vp-index', 'virtual processor index'],
  [7, 'reset-msr', 'reset by MSR'],
  [9, 'reference-tsc', 'reference TSC page'],
  [10, 'guest-idle', 'guest idle state'],
  [11, 'frequency-msrs', 'timer frequencies by MSR'],
  [13, 'reenlightenment', 'notice of migration to another TSC'],
  [15, 'tsc-invariant', 'invariant TSC on request'],
];
const featuresEbx: readonly Row[] = [
  [4, 'post-messages', 'messages to the host'],
  [5, 'signal-events', 'events to the host'],
  [22, 'isolation', 'isolation of the guest'],
];
const featuresEdx: readonly Row[] = [
  [4, 'xmm-hypercalls', 'hypercall input in XMM registers'],
  [10, 'crash-msrs', 'crash report by MSR'],
  [11, 'debug-msrs', 'synthetic debugging by MSR'],
  [19, 'direct-stimer', 'synthetic timers by direct interrupt'],
];
const recommendationsEax: readonly Row[] = [
  [1, 'local-tlb-flush', 'flush the own TLB by hypercall'],
  [2, 'remote-tlb-flush', 'flush other TLBs by hypercall'],
  [3, 'apic-access', 'access the APIC by MSR'],
  [4, 'system-reset', 'reset by MSR'],
  [5, 'relaxed-timing', 'no watchdogs on time'],
  [9, 'no-auto-eoi', 'do not use auto EOI'],
  [10, 'cluster-ipi', 'interrupt other processors by hypercall'],
  [11, 'extended-masks', 'extended processor masks'],
  [12, 'nested', 'runs below another Hyper-V'],
  [14, 'enlightened-vmcs', 'enlightened VMCS'],
];

/** The 12 letters of a vendor leaf, or of any leaf that has letters in ebx, ecx, edx. */
export function vendorText([, ebx, ecx, edx]: CpuidLeaf): string {
  const bytes = Buffer.alloc(12);
  for (const [i, word] of [ebx, ecx, edx].entries()) bytes.writeUInt32LE(word >>> 0, i * 4);
  return bytes
    .toString('latin1')
    .replace(/\0+$/, '')
    .replace(/[^\x20-\x7e]/g, '?');
}

/** Version leaf. */
export function hostVersion([build, version, servicePack, service]: CpuidLeaf): HostVersion {
  const major = version >>> 16;
  const minor = version & 0xffff;
  return {
    major,
    minor,
    build: build >>> 0,
    servicePack: servicePack >>> 0,
    serviceBranch: service >>> 24,
    serviceNumber: service & 0xff_ffff,
    text: `${major}.${minor}.${build >>> 0}`,
  };
}

/** Features and recommendations that are set and have a name. */
export function enlightenments(features: CpuidLeaf | null, recommendations: CpuidLeaf | null): Enlightenment[] {
  const pick = (rows: readonly Row[], word: number, kind: Enlightenment['kind']): Enlightenment[] =>
    rows.flatMap(([bit, name, title]) => (((word >>> bit) & 1) === 1 ? [{ name, title, kind }] : []));
  return [
    ...(features
      ? [
          ...pick(featuresEax, features[0], 'feature'),
          ...pick(featuresEbx, features[1], 'feature'),
          ...pick(featuresEdx, features[3], 'feature'),
        ]
      : []),
    ...(recommendations ? pick(recommendationsEax, recommendations[0], 'recommendation') : []),
  ];
}

/** The partition may create others: it is the root, not a guest. */
export function isRootPartition(features: CpuidLeaf): boolean {
  return (features[1] & 1) === 1;
}

/** The isolation leaf is only meaningful with this privilege. */
export function hasIsolationLeaf(features: CpuidLeaf): boolean {
  return ((features[1] >>> 22) & 1) === 1;
}

/** Isolation leaf. */
export function isolationOf([, ebx]: CpuidLeaf): Isolation {
  const kinds: readonly Isolation[] = ['none', 'vbs', 'snp', 'tdx'];
  return kinds[ebx & 0xf] ?? 'other';
}

/** A paravisor stands between guest and host. */
export function hasParavisor([eax]: CpuidLeaf): boolean {
  return (eax & 1) === 1;
}

/** Limits leaf. */
export function limitsOf([virtualProcessors, logicalProcessors, interruptVectors]: CpuidLeaf): HypervisorLimits {
  return {
    virtualProcessors: virtualProcessors >>> 0,
    logicalProcessors: logicalProcessors >>> 0,
    interruptVectors: interruptVectors >>> 0,
  };
}

/** `0x40000003` */
export function leafName(leaf: number): string {
  return `0x${leaf.toString(16).padStart(8, '0')}`;
}

// SPDX-License-Identifier: MIT
//
// Gathers the facts that tell what machine this is. Judges nothing, and never throws: what cannot be had is null.
// The processor is asked only for the running system; a snapshot brings the leaves of its guest along in `info.json`.
// Called by info.ts and snapshot.ts. Calls native/ for CPUID.
// Source of the file facts: sysfs of the DMI tables, ACPI's FADT (hypervisor vendor identity), kernel naming of WSL.

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import type { CpuidLeaf } from './cpuid-leaves.js';
import { hypervisorLeaves, leafName } from './cpuid-leaves.js';

/** DMI fields that say what a machine is, not which one. */
export const dmiFields = [
  'sys_vendor',
  'product_name',
  'product_version',
  'bios_vendor',
  'bios_version',
  'board_vendor',
  'board_name',
  'chassis_vendor',
  'chassis_asset_tag',
] as const;
export type DmiField = (typeof dmiFields)[number];

/** Asset tag that all of Azure's guests have, and nobody else. */
export const azureAssetTag = '7783-7084-3265-9085-8269-3286-77';

/** Facts about a machine. */
export interface MachineFacts {
  /** As `process.arch` names it; null for a foreign root that does not say. */
  readonly architecture: string | null;
  /** By leaf; empty where there is no hypervisor; null where the processor could not be asked. */
  readonly cpuid: ReadonlyMap<number, CpuidLeaf> | null;
  /** Why `cpuid` is null. */
  readonly cpuidProblem: string | null;
  readonly dmi: ReadonlyMap<DmiField, string>;
  /** Null where the root has no `sys/firmware`. */
  readonly hasEfi: boolean | null;
  /** Hypervisor vendor identity of the FADT: `MsHyperV`. Null where it cannot be read. */
  readonly acpiHypervisor: string | null;
  /** `sys/hypervisor/type`: `xen`. */
  readonly sysHypervisor: string | null;
  readonly hasQemuFirmwareConfig: boolean;
  /** The processor's flags name a hypervisor; null where there are no flags. */
  readonly hypervisorFlag: boolean | null;
  readonly kernelRelease: string | null;
  /** Null where the bus is absent. */
  readonly vmbusDevices: readonly string[] | null;
}

/** Form of `info.json` in a snapshot. */
export interface CapturedFacts {
  readonly schema: 1;
  readonly architecture: string | null;
  readonly hasEfi: boolean | null;
  readonly acpiHypervisor: string | null;
  readonly hasQemuFirmwareConfig: boolean;
  readonly hypervisorFlag: boolean | null;
  /** Leaf name → eax, ebx, ecx, edx. */
  readonly cpuid: Readonly<Record<string, CpuidLeaf>> | null;
}

/** Asks the processor: fills four words, false where it has no such leaf. */
export type ReadCpuid = (leaf: number, subleaf: number, out: Uint32Array) => boolean;

/** Facts of a root. `readCpuid` is null where the processor is not the root's own, or cannot be asked. */
export function gatherFacts(root: string, readCpuid: ReadCpuid | null, cpuidProblem: string | null): MachineFacts {
  const captured = readCaptured(root);
  const cpuid = captured ? parseLeaves(captured.cpuid) : readLeaves(readCpuid);
  return {
    architecture: captured?.architecture ?? (root === '/' ? process.arch : null),
    cpuid,
    cpuidProblem: cpuid === null ? (cpuidProblem ?? 'not asked: the root is not the running system') : null,
    dmi: readDmi(root),
    hasEfi: captured?.hasEfi ?? readEfi(root),
    acpiHypervisor: captured?.acpiHypervisor ?? readFadtVendor(root),
    sysHypervisor: readText(path.join(root, 'sys/hypervisor/type')),
    hasQemuFirmwareConfig: captured?.hasQemuFirmwareConfig ?? existsSync(path.join(root, 'sys/firmware/qemu_fw_cfg')),
    hypervisorFlag: captured?.hypervisorFlag ?? readHypervisorFlag(root),
    kernelRelease: readText(path.join(root, 'proc/sys/kernel/osrelease')),
    vmbusDevices: listOrNull(path.join(root, 'sys/bus/vmbus/devices')),
  };
}

/** The facts that a snapshot has to bring along, since its tree cannot show them. */
export function captureFacts(facts: MachineFacts): CapturedFacts {
  const { architecture, hasEfi, acpiHypervisor, hasQemuFirmwareConfig, hypervisorFlag } = facts;
  const cpuid = facts.cpuid && Object.fromEntries([...facts.cpuid].map(([leaf, words]) => [leafName(leaf), words]));
  return { schema: 1, architecture, hasEfi, acpiHypervisor, hasQemuFirmwareConfig, hypervisorFlag, cpuid };
}

function readLeaves(readCpuid: ReadCpuid | null): ReadonlyMap<number, CpuidLeaf> | null {
  if (readCpuid === null) return null;
  const leaves = new Map<number, CpuidLeaf>();
  const out = new Uint32Array(4);
  for (const leaf of Object.values(hypervisorLeaves)) {
    if (!readCpuid(leaf, 0, out)) continue;
    const [eax = 0, ebx = 0, ecx = 0, edx = 0] = out;
    leaves.set(leaf, [eax, ebx, ecx, edx]);
  }
  return leaves;
}

function parseLeaves(captured: CapturedFacts['cpuid']): ReadonlyMap<number, CpuidLeaf> | null {
  if (captured === null || typeof captured !== 'object') return null;
  const isLeaf = (words: unknown): words is CpuidLeaf =>
    Array.isArray(words) && words.length === 4 && words.every((word) => Number.isInteger(word));
  return new Map(
    Object.entries(captured).flatMap(([name, words]) => (isLeaf(words) ? [[Number(name), words] as const] : [])),
  );
}

function readCaptured(root: string): CapturedFacts | null {
  const text = readText(path.join(root, 'info.json'));
  if (text === null) return null;
  try {
    const parsed = JSON.parse(text) as CapturedFacts;
    return typeof parsed === 'object' && parsed !== null && parsed.schema === 1 ? parsed : null;
  } catch {
    return null;
  }
}

function readDmi(root: string): ReadonlyMap<DmiField, string> {
  const rows = dmiFields.flatMap((field) => {
    const text = readText(path.join(root, 'sys/class/dmi/id', field));
    return text ? [[field, text] as const] : [];
  });
  return new Map(rows);
}

function readEfi(root: string): boolean | null {
  if (existsSync(path.join(root, 'sys/firmware/efi'))) return true;
  return existsSync(path.join(root, 'sys/firmware')) ? false : null;
}

/** The FADT ends in the 8 letters of the hypervisor's vendor since ACPI 6.0. Readable by root only. */
function readFadtVendor(root: string): string | null {
  const offset = 268;
  const bytes = Buffer.alloc(8);
  try {
    const fd = openSync(path.join(root, 'sys/firmware/acpi/tables/FACP'), 'r');
    try {
      if (readSync(fd, bytes, 0, 8, offset) !== 8) return null;
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
  const text = bytes.toString('latin1').replace(/\0+$/, '');
  return /^[\x20-\x7e]+$/.test(text) ? text : null;
}

function readHypervisorFlag(root: string): boolean | null {
  const flags = /^flags\s*:(.*)$/m.exec(readText(path.join(root, 'proc/cpuinfo')) ?? '')?.[1];
  return flags === undefined ? null : /\bhypervisor\b/.test(flags);
}

function listOrNull(folder: string): readonly string[] | null {
  try {
    return readdirSync(folder);
  } catch {
    return null;
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}

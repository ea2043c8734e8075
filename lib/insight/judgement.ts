// SPDX-License-Identifier: MIT
//
// Draws conclusions from the facts about a machine. Pure. One kind of fact is never enough where others can contradict it:
// KVM and Xen present Hyper-V's CPUID leaves, physical machines carry Microsoft's name in their tables, ARM64 has no CPUID.
// Called by info.ts. Source: the detection in arch/x86/kernel/cpu/mshyperv.c, drivers/hv and systemd's known traps.

import type { CpuidLeaf } from './cpuid-leaves.js';
import {
  hasIsolationLeaf,
  hasParavisor,
  hostVersion,
  hyperVInterfaceId,
  isolationOf,
  leafName,
  hypervisorLeaves as leaves,
  vendorText,
} from './cpuid-leaves.js';
import type { MachineFacts } from './evidence.js';
import { azureAssetTag } from './evidence.js';
import type {
  Confidence,
  Evidence,
  Finding,
  HostVersion,
  Hypervisor,
  Isolation,
  Platform,
  VmbusPresence,
} from './types.js';

const vendors: Readonly<Record<string, Hypervisor>> = {
  'Microsoft Hv': 'hyper-v',
  KVMKVMKVM: 'kvm',
  'Linux KVM Hv': 'kvm',
  XenVMMXenVMM: 'xen',
  VMwareVMware: 'vmware',
};

/** Who runs the machine. */
export function judgeHypervisor(facts: MachineFacts): Finding<Hypervisor> {
  const evidence: Evidence[] = [];
  const found = (value: Hypervisor, confidence: Confidence): Finding<Hypervisor> => ({ value, confidence, evidence });
  const vendor = vendorOf(facts, leaves.vendor, evidence);
  const second = vendorOf(facts, leaves.secondVendor, evidence);
  const rival = vendors[second ?? ''];
  noteTables(facts, evidence);
  if (facts.sysHypervisor === 'xen') return found('xen', 'certain');
  if (vendor === 'Microsoft Hv') {
    if (rival !== undefined && rival !== 'hyper-v') return found(rival, 'certain');
    if (facts.acpiHypervisor === 'MsHyperV' || isMicrosoftMachine(facts) || isWsl(facts))
      return found('hyper-v', 'certain');
    if (looksLikeQemu(facts)) return found('kvm', 'likely');
    return found('hyper-v', facts.dmi.size === 0 ? 'likely' : 'guess');
  }
  if (vendor !== null) return found(vendors[vendor] ?? 'other', 'certain');
  if (facts.cpuid !== null && isX86(facts)) {
    evidence.push({ source: 'cpuid', says: 'the processor names no hypervisor' });
    return found('none', 'certain');
  }
  return withoutCpuid(facts, found);
}

function withoutCpuid(
  facts: MachineFacts,
  found: (value: Hypervisor, confidence: Confidence) => Finding<Hypervisor>,
): Finding<Hypervisor> {
  if (facts.acpiHypervisor === 'MsHyperV') return found('hyper-v', 'certain');
  if (isWsl(facts)) return found('hyper-v', 'certain');
  if (facts.hypervisorFlag === false) return found('none', 'likely');
  if (isMicrosoftMachine(facts)) return found('hyper-v', 'likely');
  if (looksLikeQemu(facts)) return found('kvm', 'guess');
  if (facts.vmbusDevices !== null && facts.vmbusDevices.length > 0) return found('hyper-v', 'guess');
  return found('unknown', 'guess');
}

/** Whether Hyper-V's interface is there. */
export function judgeInterface(facts: MachineFacts): Finding<boolean | null> {
  const evidence: Evidence[] = [];
  const leaf = facts.cpuid?.get(leaves.interface);
  if (leaf) {
    const isIt = leaf[0] >>> 0 === hyperVInterfaceId;
    evidence.push({
      source: `cpuid ${leafName(leaves.interface)}`,
      says: isIt ? 'signature Hv#1' : `signature 0x${(leaf[0] >>> 0).toString(16)}`,
    });
    return { value: isIt, confidence: 'certain', evidence };
  }
  if (facts.cpuid !== null && isX86(facts))
    return { value: false, confidence: 'certain', evidence: [{ source: 'cpuid', says: 'no such leaf' }] };
  if (facts.acpiHypervisor === 'MsHyperV')
    return {
      value: true,
      confidence: 'certain',
      evidence: [{ source: 'sys/firmware/acpi/tables/FACP', says: 'hypervisor MsHyperV' }],
    };
  if (facts.vmbusDevices && facts.vmbusDevices.length > 0) {
    return {
      value: true,
      confidence: 'likely',
      evidence: [{ source: 'sys/bus/vmbus/devices', says: 'the kernel has connected to a host' }],
    };
  }
  return { value: null, confidence: 'guess', evidence: noCpuid(facts) };
}

/** Where a guest of Microsoft's hypervisor runs. */
export function judgePlatform(facts: MachineFacts, hypervisor: Hypervisor): Finding<Platform | null> {
  if (hypervisor !== 'hyper-v') return { value: null, confidence: 'certain', evidence: [] };
  const tag = facts.dmi.get('chassis_asset_tag');
  if (tag === azureAssetTag)
    return {
      value: 'azure',
      confidence: 'certain',
      evidence: [{ source: 'sys/class/dmi/id/chassis_asset_tag', says: tag }],
    };
  if (isWsl(facts))
    return {
      value: 'wsl',
      confidence: 'certain',
      evidence: [{ source: 'proc/sys/kernel/osrelease', says: facts.kernelRelease ?? '' }],
    };
  if (tag === undefined)
    return {
      value: null,
      confidence: 'guess',
      evidence: [{ source: 'sys/class/dmi/id/chassis_asset_tag', says: 'cannot be read' }],
    };
  return {
    value: 'on-premises',
    confidence: 'likely',
    evidence: [{ source: 'sys/class/dmi/id/chassis_asset_tag', says: "not Azure's" }],
  };
}

/** Version of the host, as its hypervisor tells it. */
export function judgeHostVersion(facts: MachineFacts, hasInterface: boolean): Finding<HostVersion | null> {
  const leaf = hasInterface ? facts.cpuid?.get(leaves.version) : undefined;
  if (!leaf) return { value: null, confidence: 'certain', evidence: hasInterface ? noCpuid(facts) : [] };
  const value = hostVersion(leaf);
  return {
    value,
    confidence: 'certain',
    evidence: [{ source: `cpuid ${leafName(leaves.version)}`, says: value.text }],
  };
}

/** Generation 1 boots by BIOS, generation 2 by UEFI. */
export function judgeGeneration(facts: MachineFacts, hasInterface: boolean): Finding<1 | 2 | null> {
  if (!hasInterface) return { value: null, confidence: 'certain', evidence: [] };
  const bios = facts.dmi.get('bios_version') ?? '';
  const evidence: Evidence[] = [];
  if (facts.hasEfi !== null) evidence.push({ source: 'sys/firmware/efi', says: facts.hasEfi ? 'present' : 'absent' });
  if (bios) evidence.push({ source: 'sys/class/dmi/id/bios_version', says: bios });
  const byBios = /^Hyper-V UEFI/.test(bios) ? 2 : null;
  if (facts.hasEfi === null) return { value: byBios, confidence: byBios === null ? 'guess' : 'likely', evidence };
  // A kernel without EFI support on a UEFI machine shows no efi folder; the tables know better.
  if (!facts.hasEfi && byBios === 2) return { value: 2, confidence: 'likely', evidence };
  return { value: facts.hasEfi ? 2 : 1, confidence: isMicrosoftMachine(facts) ? 'certain' : 'likely', evidence };
}

/** Whether, and how, the guest is kept from its host. */
export function judgeIsolation(facts: MachineFacts, hasInterface: boolean): Finding<Isolation | null> {
  const features = hasInterface ? facts.cpuid?.get(leaves.features) : undefined;
  if (!features)
    return {
      value: hasInterface ? null : 'none',
      confidence: hasInterface ? 'guess' : 'likely',
      evidence: hasInterface ? noCpuid(facts) : [],
    };
  if (!hasIsolationLeaf(features)) {
    return {
      value: 'none',
      confidence: 'certain',
      evidence: [{ source: `cpuid ${leafName(leaves.features)}`, says: 'no isolation privilege' }],
    };
  }
  const leaf = facts.cpuid?.get(leaves.isolation);
  const source = `cpuid ${leafName(leaves.isolation)}`;
  if (!leaf)
    return {
      value: null,
      confidence: 'guess',
      evidence: [{ source, says: 'no such leaf, although the privilege is there' }],
    };
  const value = isolationOf(leaf);
  return {
    value,
    confidence: 'certain',
    evidence: [{ source, says: `${value}${hasParavisor(leaf) ? ', with a paravisor' : ''}` }],
  };
}

/** Whether the kernel has a bus, and what is on it. */
export function judgeVmbus(facts: MachineFacts): Finding<VmbusPresence> {
  const devices = facts.vmbusDevices;
  const says = devices === null ? 'absent' : `${devices.length} ${devices.length === 1 ? 'device' : 'devices'}`;
  return {
    value: { isPresent: devices !== null, devices: devices?.length ?? 0 },
    confidence: 'certain',
    evidence: [{ source: 'sys/bus/vmbus/devices', says }],
  };
}

function vendorOf(facts: MachineFacts, leaf: number, evidence: Evidence[]): string | null {
  const words: CpuidLeaf | undefined = facts.cpuid?.get(leaf);
  if (!words) return null;
  const text = vendorText(words);
  if (text !== '') evidence.push({ source: `cpuid ${leafName(leaf)}`, says: `vendor "${text}"` });
  return text === '' ? null : text;
}

function noteTables(facts: MachineFacts, evidence: Evidence[]): void {
  if (facts.cpuid === null) evidence.push(...noCpuid(facts));
  if (facts.acpiHypervisor !== null)
    evidence.push({ source: 'sys/firmware/acpi/tables/FACP', says: `hypervisor ${facts.acpiHypervisor}` });
  if (facts.sysHypervisor !== null) evidence.push({ source: 'sys/hypervisor/type', says: facts.sysHypervisor });
  if (facts.hasQemuFirmwareConfig) evidence.push({ source: 'sys/firmware/qemu_fw_cfg', says: 'present: QEMU' });
  for (const field of ['sys_vendor', 'product_name'] as const) {
    const text = facts.dmi.get(field);
    if (text) evidence.push({ source: `sys/class/dmi/id/${field}`, says: text });
  }
  if (isWsl(facts)) evidence.push({ source: 'proc/sys/kernel/osrelease', says: facts.kernelRelease ?? '' });
  if (facts.hypervisorFlag !== null && facts.cpuid === null) {
    evidence.push({ source: 'proc/cpuinfo', says: facts.hypervisorFlag ? 'flag hypervisor' : 'no flag hypervisor' });
  }
}

function noCpuid(facts: MachineFacts): Evidence[] {
  if (facts.cpuid !== null)
    return isX86(facts) ? [] : [{ source: 'cpuid', says: 'this processor has no such instruction' }];
  return [{ source: 'cpuid', says: facts.cpuidProblem ?? 'not asked' }];
}

/** Microsoft's own virtual machine. "Microsoft Corporation" alone is on every Surface. */
function isMicrosoftMachine(facts: MachineFacts): boolean {
  return facts.dmi.get('sys_vendor') === 'Microsoft Corporation' && facts.dmi.get('product_name') === 'Virtual Machine';
}

function looksLikeQemu(facts: MachineFacts): boolean {
  const names = [
    facts.dmi.get('sys_vendor'),
    facts.dmi.get('product_name'),
    facts.dmi.get('chassis_vendor'),
    facts.dmi.get('bios_vendor'),
  ].join(' ');
  return (
    facts.hasQemuFirmwareConfig ||
    /QEMU|KVM|Bochs|SeaBIOS|Standard PC|Red Hat|oVirt|OpenStack|Google|Amazon/i.test(names)
  );
}

function isWsl(facts: MachineFacts): boolean {
  return /microsoft.*WSL|WSL2/i.test(facts.kernelRelease ?? '');
}

function isX86(facts: MachineFacts): boolean {
  return facts.architecture === null || facts.architecture === 'x64' || facts.architecture === 'ia32';
}

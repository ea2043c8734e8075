// SPDX-License-Identifier: MIT
//
// What the pools and their usual keys are for, in words.
// Called by services/kvp. Source of the facts: tools/hv/hv_kvp_daemon.c (auto); what Hyper-V writes into a guest (autoExternal).

import type { KvpPoolName } from './kvp.js';

/** Who writes a pool, and what for. */
export const poolTitles: Readonly<Record<KvpPoolName, string>> = {
  external: 'the host writes, the guest reads',
  guest: 'the guest writes, the host reads',
  auto: 'the guest about itself: its daemon makes these values when the host asks, and keeps none in the file',
  autoExternal: 'the host about itself and this virtual machine',
  autoInternal: 'internal; often absent',
};

/** Keys that the daemon answers with in the pool `auto`, in its order. */
const auto: Readonly<Record<string, string>> = {
  FullyQualifiedDomainName: 'name of this guest in the DNS, as it was when the daemon started',
  IntegrationServicesVersion: 'version of the kernel side',
  NetworkAddressIPv4: 'addresses of this guest, with semicolons',
  NetworkAddressIPv6: 'addresses of this guest, with semicolons',
  OSBuildNumber: 'release of the kernel',
  OSName: 'name of the distribution',
  OSMajorVersion: 'version of the distribution',
  OSMinorVersion: 'usually empty',
  OSVersion: 'version of the kernel',
  ProcessorArchitecture: 'architecture of the kernel',
};

const autoExternal: Readonly<Record<string, string>> = {
  HostName: 'name of the host, or of its cluster',
  HostingSystemEditionId: 'number of the edition of Windows on the host',
  HostingSystemNestedLevel: 'how many hypervisors there are below this one',
  HostingSystemOsMajor: 'version of Windows on the host',
  HostingSystemOsMinor: 'version of Windows on the host',
  HostingSystemProcessorArchitecture: 'architecture of the host, as Windows numbers them (9 = x64)',
  HostingSystemProcessorIdleStateMax: 'deepest idle state of a processor of the host',
  HostingSystemProcessorThrottleMax: 'highest speed of a processor of the host, in percent',
  HostingSystemProcessorThrottleMin: 'lowest speed of a processor of the host, in percent',
  HostingSystemSpMajor: 'service pack of Windows on the host',
  HostingSystemSpMinor: 'service pack of Windows on the host',
  PhysicalHostName: 'name of the machine that this guest runs on',
  PhysicalHostNameFullyQualified: 'the same with its domain',
  VirtualMachineDynamicMemoryBalancingEnabled: 'whether the host changes the memory of this guest',
  VirtualMachineId: 'GUID of this virtual machine',
  VirtualMachineName: 'name of this virtual machine, as the host shows it',
};

/** What a usual key of a pool means; null for others. */
export function explainKvpKey(pool: KvpPoolName, key: string): string | null {
  const table = pool === 'auto' ? auto : pool === 'autoExternal' ? autoExternal : null;
  return table !== null && Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}

/** Keys of the pool `auto`, in the order in which the host gets them. */
export const autoKeys: readonly string[] = Object.keys(auto);

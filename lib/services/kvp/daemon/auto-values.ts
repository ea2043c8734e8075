// SPDX-License-Identifier: MIT
//
// What a guest tells its host about itself in the pool `auto`: made when the host asks, kept nowhere.
// Called by serve-pools.ts. Source of keys, order and meanings: kvp_get_os_info() and the ENUMERATE of the pool in
// tools/hv/hv_kvp_daemon.c. The name is looked up in files alone: asking a name server can take longer than the host waits.

import { hostname, machine, networkInterfaces, release, type as systemName } from 'node:os';
import path from 'node:path';

import { readSmallFileOrNull } from '../../../bus/read/attributes.js';
import { readOsRelease } from '../../../bus/read/os-release.js';
import { under } from '../../../bus/root.js';
import { readTableLines } from '../../../bus/use/proc-table.js';
import { autoKeys } from '../../../protocol/kvp-known-keys.js';
import { mostValueUnits } from '../../../protocol/kvp-pool.js';
import type { KvpEntry } from '../types.js';

/** The keys with their values, in the order in which hosts get them. */
export function autoValues(root: string, kernelVersion: string): readonly KvpEntry[] {
  const file = (name: string): string | null => readSmallFileOrNull(path.join(root, name));
  const kernel = file('proc/sys/kernel/osrelease')?.trim() || release();
  const distribution = readOsRelease(root);
  const values: Readonly<Record<string, string>> = {
    FullyQualifiedDomainName: fullName(root, file('proc/sys/kernel/hostname')?.trim() || hostname()),
    IntegrationServicesVersion: kernelVersion,
    NetworkAddressIPv4: addresses('IPv4'),
    NetworkAddressIPv6: addresses('IPv6'),
    OSBuildNumber: kernel,
    OSName: distribution.get('NAME') ?? systemName(),
    OSMajorVersion: distribution.get('VERSION_ID') ?? '',
    OSMinorVersion: '',
    OSVersion: kernel.replace(/-.*$/s, ''),
    ProcessorArchitecture: machine(),
  };
  return autoKeys.map((key) => ({ key, value: values[key] ?? '' }));
}

/** The first name with a dot that hosts(5) has on a line with the host's name. */
function fullName(root: string, name: string): string {
  if (name.includes('.')) return name;
  for (const line of readTableLines(under(root, 'etc/hosts'))) {
    const names = line.replace(/#.*$/, '').trim().split(/\s+/).slice(1);
    const full = names.includes(name) ? names.find((one) => one.startsWith(`${name}.`)) : undefined;
    if (full !== undefined) return full;
  }
  return name;
}

/** As many whole addresses as a value holds. */
function addresses(family: 'IPv4' | 'IPv6'): string {
  let list = '';
  for (const one of Object.values(networkInterfaces()).flatMap((some) => some ?? [])) {
    if (one.internal || one.family !== family) continue;
    const longer = `${list}${one.address};`;
    if (longer.length > mostValueUnits) break;
    list = longer;
  }
  return list;
}

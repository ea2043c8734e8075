// SPDX-License-Identifier: MIT
//
// How the addresses that a host wants would be set here: which program sets up this network, which file it is told by.
// Called by set-ip.ts, `hv kvp serve`. Looks only.

import { existsSync } from 'node:fs';
import path from 'node:path';

import { listFolder, readSmallFileOrNull } from '../../../bus/read/attributes.js';
import { VmbusError } from '../../../errors.js';
import type { KvpIpChange } from '../daemon/types.js';
import { ifupdownFile, netplanFile, networkdFile, networkManagerFile } from './render.js';
import { checkedSettings } from './settings.js';
import type { IpPlace, IpPlan, IpSettings, NetworkManagerName } from './types.js';

/** Names of the programs, in the order in which they are looked for. */
export const networkManagerNames: readonly NetworkManagerName[] = [
  'netplan',
  'network-manager',
  'networkd',
  'ifupdown',
];

interface Manager {
  /** Whether it sets up the network of this root. */
  isHere(root: string): boolean;
  file(name: string): string;
  readonly mode: number;
  render(settings: IpSettings): string;
  commands(name: string): readonly (readonly string[])[];
}

const has = (root: string, entry: string): boolean => existsSync(path.join(root, entry));
const hasProgram = (root: string, name: string): boolean =>
  ['usr/sbin', 'usr/bin', 'sbin', 'bin'].some((folder) => has(root, `${folder}/${name}`));

const managers: Readonly<Record<NetworkManagerName, Manager>> = {
  netplan: {
    isHere: (root) =>
      hasProgram(root, 'netplan') && listFolder(path.join(root, 'etc/netplan')).some((name) => name.endsWith('.yaml')),
    file: (name) => `etc/netplan/90-vmbus-${name}.yaml`,
    mode: 0o600,
    render: netplanFile,
    commands: () => [
      ['netplan', 'generate'],
      ['netplan', 'apply'],
    ],
  },
  'network-manager': {
    isHere: (root) => hasProgram(root, 'nmcli') && has(root, 'run/NetworkManager'),
    file: (name) => `etc/NetworkManager/system-connections/vmbus-${name}.nmconnection`,
    mode: 0o600,
    render: networkManagerFile,
    commands: (name) => [
      ['nmcli', 'connection', 'reload'],
      ['nmcli', 'connection', 'up', `vmbus-${name}`],
    ],
  },
  networkd: {
    isHere: (root) => hasProgram(root, 'networkctl') && has(root, 'run/systemd/netif'),
    // Before any file of the distribution or of netplan: the first that matches counts.
    file: (name) => `etc/systemd/network/05-vmbus-${name}.network`,
    mode: 0o644,
    render: networkdFile,
    commands: (name) => [
      ['networkctl', 'reload'],
      ['networkctl', 'reconfigure', name],
    ],
  },
  ifupdown: {
    isHere: (root) => hasProgram(root, 'ifup') && has(root, 'etc/network/interfaces'),
    file: (name) => `etc/network/interfaces.d/vmbus-${name}`,
    mode: 0o644,
    render: ifupdownFile,
    commands: (name) => [
      ['ifdown', '--force', name],
      ['ifup', name],
    ],
  },
};

/** The program that sets up the network here. @throws VmbusError ERR_VMBUS_UNSUPPORTED where none is known */
export function findNetworkManager(root: string): NetworkManagerName {
  const found = networkManagerNames.find((name) => managers[name].isHere(root));
  if (found !== undefined) return found;
  throw new VmbusError('ERR_VMBUS_UNSUPPORTED', 'no program is known that sets up the network here', {
    path: root,
    facts: { known: networkManagerNames },
    hint: 'pass a function that sets addresses: serveKvpPools({ setIpInfo })',
  });
}

/**
 * What would be written and run.
 * @throws VmbusError ERR_VMBUS_UNSUPPORTED; TypeError ERR_INVALID_ARG_VALUE for addresses that are none
 */
export function planIpChange(root: string, manager: NetworkManagerName, change: KvpIpChange): IpPlan {
  const settings = checkedSettings(change.interface, change.info);
  const place = ipPlace(root, manager, settings.interface);
  if (manager === 'ifupdown') checkInterfaces(root, change.interface);
  return { ...place, file: { ...place.file, content: managers[manager].render(settings) } };
}

/** Where a program is told of an interface's addresses, and how it is told that they changed. */
export function ipPlace(root: string, manager: NetworkManagerName, name: string): IpPlace {
  const { file, mode, commands } = managers[manager];
  return { manager, interface: name, file: { path: path.join(root, file(name)), mode }, commands: commands(name) };
}

/** Two stanzas of one interface add up, so one that somebody else wrote has to go first; and ours has to be read. */
function checkInterfaces(root: string, name: string): void {
  const main = path.join(root, 'etc/network/interfaces');
  const text = readSmallFileOrNull(main) ?? '';
  const refuse = (why: string, hint: string): VmbusError =>
    new VmbusError('ERR_VMBUS_UNSUPPORTED', `${main} ${why}`, { path: main, hint });
  if (new RegExp(`^\\s*iface\\s+${name.replaceAll('.', '\\.')}\\s`, 'm').test(text))
    throw refuse(`sets up ${name} itself`, `take the stanza of ${name} out of it`);
  if (!/^\s*source(-directory)?\s+.*interfaces\.d/m.test(text))
    throw refuse('does not read interfaces.d', 'add the line: source /etc/network/interfaces.d/*');
}

// SPDX-License-Identifier: MIT
//
// The files in which the usual programs are told the addresses of an interface.
// Called by plan.ts. Sources: netplan(5), nm-settings-keyfile(5), systemd.network(5), interfaces(5).

import type { IpSettings } from './types.js';

const title = '# Written by vmbus, as the host of this virtual machine asked.\n';
const withLength = ({ address, prefixLength }: IpSettings['addresses'][number]): string => `${address}/${prefixLength}`;
const lines = (...parts: readonly (string | readonly string[])[]): string => `${parts.flat().join('\n')}\n`;

export function netplanFile({ interface: name, isDhcp, addresses, gateways, dnsServers }: IpSettings): string {
  const list = (key: string, values: readonly string[], indent: string): string[] =>
    values.length === 0 ? [] : [`${indent}${key}:`, ...values.map((value) => `${indent}  - "${value}"`)];
  const routes = gateways.flatMap(({ address, family }) => [
    `        - to: "${family === 4 ? '0.0.0.0/0' : '::/0'}"`,
    `          via: "${address}"`,
  ]);
  return (
    title +
    lines(
      'network:',
      '  version: 2',
      '  ethernets:',
      `    ${name}:`,
      `      dhcp4: ${isDhcp}`,
      list('addresses', addresses.map(withLength), '      '),
      routes.length > 0 ? ['      routes:', ...routes] : [],
      dnsServers.length > 0 ? ['      nameservers:', ...list('addresses', dnsServers, '        ')] : [],
    )
  );
}

export function networkdFile({ interface: name, isDhcp, addresses, gateways, dnsServers }: IpSettings): string {
  return (
    title +
    lines(
      '[Match]',
      `Name=${name}`,
      '',
      '[Network]',
      `DHCP=${isDhcp ? 'ipv4' : 'no'}`,
      addresses.map((one) => `Address=${withLength(one)}`),
      gateways.map(({ address }) => `Gateway=${address}`),
      dnsServers.map((address) => `DNS=${address}`),
    )
  );
}

export function networkManagerFile(settings: IpSettings): string {
  const { interface: name, isDhcp, addresses, gateways, dnsServers } = settings;
  const part = (family: 4 | 6): string[] => {
    const own = addresses.filter((one) => one.family === family);
    const dns = dnsServers.filter((one) => one.includes(':') === (family === 6));
    const [gateway] = gateways.filter((one) => one.family === family);
    const automatic = family === 4 ? isDhcp : own.length === 0;
    const method = automatic ? 'auto' : own.length > 0 ? 'manual' : 'disabled';
    return [
      '',
      `[ipv${family}]`,
      `method=${method}`,
      ...own.map((one, i) => `address${i + 1}=${withLength(one)}`),
      ...(gateway ? [`gateway=${gateway.address}`] : []),
      ...(dns.length > 0 ? [`dns=${dns.map((one) => `${one};`).join('')}`] : []),
    ];
  };
  const connection = [
    '[connection]',
    `id=vmbus-${name}`,
    'type=ethernet',
    `interface-name=${name}`,
    'autoconnect-priority=100',
  ];
  return title + lines(connection, part(4), part(6));
}

export function ifupdownFile({ interface: name, isDhcp, addresses, gateways, dnsServers }: IpSettings): string {
  const stanza = (family: 4 | 6): string[] => {
    const word = family === 4 ? 'inet' : 'inet6';
    const own = addresses.filter((one) => one.family === family);
    if (own.length === 0) return [];
    const [gateway] = gateways.filter((one) => one.family === family);
    const isFirst = (i: number): boolean => i === 0;
    return own.flatMap((one, i) => [
      '',
      `iface ${name} ${word} static`,
      `    address ${withLength(one)}`,
      ...(isFirst(i) && gateway ? [`    gateway ${gateway.address}`] : []),
      ...(isFirst(i) && dnsServers.length > 0 ? [`    dns-nameservers ${dnsServers.join(' ')}`] : []),
    ]);
  };
  const dhcp = isDhcp ? ['', `iface ${name} inet dhcp`] : [];
  return title + lines(`auto ${name}`, dhcp, stanza(4), stanza(6));
}

// SPDX-License-Identifier: MIT
//
// Addresses that a host wants a guest's interface to have: what is written for which program, and that nothing else can be.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  findNetworkManager,
  type KvpIpChange,
  type NetworkManagerName,
  planIpChange,
  setIpInfo,
  undoIpInfo,
} from '../../dist/services/index.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vmbus-ip-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(entry: string, text = ''): string {
  const file = join(root, entry);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const info = {
  adapterId: '{c0ffee00-0000-0000-0000-000000000007}',
  family: 'both' as const,
  isDhcp: false,
  addresses: ['192.168.7.2', '192.168.7.3', 'fd00::2'],
  subnets: ['255.255.255.0', '255.255.255.0', '/64'],
  gateways: ['192.168.7.1', 'fd00::1'],
  dnsServers: ['192.168.7.1', 'fd00::53'],
  origins: [],
};
const change: KvpIpChange = { interface: 'eth0', info };

describe('the program that sets up a network', () => {
  it('is found by what it keeps where', () => {
    assert.throws(() => findNetworkManager(root), { code: 'ERR_VMBUS_UNSUPPORTED' });
    put('usr/sbin/ifup');
    put('etc/network/interfaces');
    assert.equal(findNetworkManager(root), 'ifupdown');
    put('usr/bin/networkctl');
    mkdirSync(join(root, 'run/systemd/netif'), { recursive: true });
    assert.equal(findNetworkManager(root), 'networkd');
    put('usr/bin/nmcli');
    mkdirSync(join(root, 'run/NetworkManager'), { recursive: true });
    assert.equal(findNetworkManager(root), 'network-manager');
    put('usr/sbin/netplan');
    assert.equal(findNetworkManager(root), 'network-manager');
    put('etc/netplan/50-cloud-init.yaml');
    assert.equal(findNetworkManager(root), 'netplan');
  });
});

describe('a plan of addresses', () => {
  const content = (manager: NetworkManagerName, wanted = change): string =>
    planIpChange(root, manager, wanted).file.content.replace(/^#.*\n/, '');

  it('is a file for netplan', () => {
    assert.equal(
      content('netplan'),
      `network:
  version: 2
  ethernets:
    eth0:
      dhcp4: false
      addresses:
        - "192.168.7.2/24"
        - "192.168.7.3/24"
        - "fd00::2/64"
      routes:
        - to: "0.0.0.0/0"
          via: "192.168.7.1"
        - to: "::/0"
          via: "fd00::1"
      nameservers:
        addresses:
          - "192.168.7.1"
          - "fd00::53"
`,
    );
  });

  it('is a file for systemd-networkd', () => {
    assert.equal(
      content('networkd'),
      '[Match]\nName=eth0\n\n[Network]\nDHCP=no\nAddress=192.168.7.2/24\nAddress=192.168.7.3/24\nAddress=fd00::2/64\n' +
        'Gateway=192.168.7.1\nGateway=fd00::1\nDNS=192.168.7.1\nDNS=fd00::53\n',
    );
  });

  it('is a file for NetworkManager', () => {
    assert.equal(
      content('network-manager'),
      '[connection]\nid=vmbus-eth0\ntype=ethernet\ninterface-name=eth0\nautoconnect-priority=100\n\n' +
        '[ipv4]\nmethod=manual\naddress1=192.168.7.2/24\naddress2=192.168.7.3/24\ngateway=192.168.7.1\ndns=192.168.7.1;\n\n' +
        '[ipv6]\nmethod=manual\naddress1=fd00::2/64\ngateway=fd00::1\ndns=fd00::53;\n',
    );
  });

  it('is a file for ifupdown, where that reads it and nothing else sets the interface up', () => {
    put('etc/network/interfaces', 'auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n');
    assert.equal(
      content('ifupdown'),
      'auto eth0\n\niface eth0 inet static\n    address 192.168.7.2/24\n    gateway 192.168.7.1\n' +
        '    dns-nameservers 192.168.7.1 fd00::53\n\niface eth0 inet static\n    address 192.168.7.3/24\n\n' +
        'iface eth0 inet6 static\n    address fd00::2/64\n    gateway fd00::1\n    dns-nameservers 192.168.7.1 fd00::53\n',
    );
    put('etc/network/interfaces', 'iface eth0 inet dhcp\nsource /etc/network/interfaces.d/*\n');
    assert.throws(() => content('ifupdown'), { code: 'ERR_VMBUS_UNSUPPORTED', message: /sets up eth0 itself/ });
    put('etc/network/interfaces', 'auto lo\n');
    assert.throws(() => content('ifupdown'), { code: 'ERR_VMBUS_UNSUPPORTED', message: /does not read interfaces.d/ });
  });

  it('may leave IPv4 to DHCP', () => {
    const dhcp = { ...info, isDhcp: true, addresses: [], subnets: [], gateways: [], dnsServers: [] };
    const wanted = { interface: 'eth0', info: dhcp };
    assert.match(content('netplan', wanted), /dhcp4: true\n$/);
    assert.match(content('networkd', wanted), /DHCP=ipv4\n$/);
    assert.match(content('network-manager', wanted), /\[ipv4\]\nmethod=auto\n/);
    put('etc/network/interfaces', 'source-directory /etc/network/interfaces.d\n');
    assert.equal(content('ifupdown', wanted), 'auto eth0\n\niface eth0 inet dhcp\n');
  });

  it('refuses what is no address, mask or name', () => {
    const wrong: readonly [Partial<typeof info>, string?][] = [
      [{ addresses: ['10.0.0.1"\n  evil: true', '', ''] }],
      [{ addresses: ['fe80::1%eth1'], subnets: ['/64'] }],
      [{ subnets: ['255.0.255.0', '/24', '/64'] }],
      [{ subnets: ['255.255.255.0'] }],
      [{ subnets: ['/33', '/24', '/64'] }],
      [{ gateways: ['$(reboot)'] }],
      [{ dnsServers: ['9.9.9.9;x'] }],
      [{ addresses: [], subnets: [] }],
      [{}, '../../passwd'],
      [{}, 'eth0\nName=lo'],
    ];
    for (const [some, name = 'eth0'] of wrong)
      assert.throws(() => content('networkd', { interface: name, info: { ...info, ...some } }), {
        code: 'ERR_INVALID_ARG_VALUE',
      });
  });

  it('of any texts holds addresses, or is refused', () => {
    const text = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constant('255.255.0.0'), fc.constant('/8'));
    const list = fc.array(text, { maxLength: 3 });
    fc.assert(
      fc.property(list, list, list, list, (addresses, subnets, gateways, dnsServers) => {
        try {
          const wanted = { ...info, addresses, subnets, gateways, dnsServers };
          const plain = content('networkd', { interface: 'eth0', info: wanted }).split('\n').slice(5, -1);
          for (const line of plain) assert.match(line, /^(Address|Gateway|DNS)=[0-9a-fA-F.:]+(\/\d+)?$/);
        } catch (error) {
          if ((error as { code?: string }).code !== 'ERR_INVALID_ARG_VALUE') throw error;
        }
      }),
    );
  });
});

describe('setting addresses below another root', () => {
  it('writes one file, and takes it back', async () => {
    const options = { root, manager: 'netplan' as const };
    const { file } = await setIpInfo(change, { ...options, dryRun: true });
    assert.equal(existsSync(file.path), false);
    await setIpInfo(change, options);
    assert.equal(readFileSync(file.path, 'utf8'), file.content);
    assert.equal(statSync(file.path).mode & 0o777, 0o600);
    await undoIpInfo('eth0', { root });
    assert.equal(existsSync(file.path), false);
    await assert.rejects(undoIpInfo('eth0', { root }), { code: 'ERR_VMBUS_NO_KEY' });
  });

  it('takes back to what was there before the first of several changes', async () => {
    const file = put('etc/systemd/network/05-vmbus-eth0.network', 'the owner’s\n');
    chmodSync(file, 0o644);
    const options = { root, manager: 'networkd' as const };
    await setIpInfo(change, options);
    await setIpInfo({ interface: 'eth0', info: { ...info, isDhcp: true } }, options);
    await undoIpInfo('eth0', { root });
    assert.equal(readFileSync(file, 'utf8'), 'the owner’s\n');
  });

  it('takes back what two programs were told', async () => {
    const first = await setIpInfo(change, { root, manager: 'netplan' });
    const second = await setIpInfo(change, { root, manager: 'networkd' });
    await undoIpInfo('eth0', { root });
    assert.deepEqual([existsSync(first.file.path), existsSync(second.file.path)], [false, false]);
  });

  it('believes no record that somebody else could have written, and none that names files or commands', async () => {
    const record = put('var/lib/hyperv/.vmbus-ip-eth0.json', '{"netplan":"evil"}');
    const hint = { code: 'ERR_VMBUS_SYSTEM', path: record };
    chmodSync(record, 0o666);
    await assert.rejects(undoIpInfo('eth0', { root }), hint);
    chmodSync(record, 0o600);
    for (const text of ['{"plan":{"commands":[["reboot"]]}}', '{"netplan":7}', '[]', '{']) {
      writeFileSync(record, text);
      await assert.rejects(undoIpInfo('eth0', { root }), hint);
    }
    await assert.rejects(undoIpInfo('../../eth0', { root }), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});

// SPDX-License-Identifier: MIT
// Proves that dangerous kernels are told from good ones, also where a distribution hides the patch level; and the class table.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  classOfName,
  deviceClasses,
  kernelHazards,
  kernelVersion,
  subchannelInterruptsAreSafe,
} from '../../dist/bus/index.js';
import { slowSubchannelsAreSignalled } from '../../dist/bus/kernel/known-kernels.js';
import { guidToBytes } from '../../dist/guid.js';
import { BusTree } from './bus-tree.js';

const kernels: readonly (readonly [
  release: string,
  version: string,
  upstream: string | null,
  hazards: string,
  subchannels: boolean,
])[] = [
  ['5.10.223', '', '5.10.223', 'rescind-oops map0-use-after-free subchannel-interrupts', false],
  ['5.10.257', '', '5.10.257', 'map0-use-after-free', true],
  ['5.15.167.4-microsoft-standard-WSL2', '', '5.15.167', 'rescind-zombie subchannel-interrupts', false],
  [
    '6.1.0-50-cloud-amd64',
    'Linux version 6.1.0-50-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2025-11-09)',
    '6.1.176',
    '',
    true,
  ],
  [
    '6.1.0-9-amd64',
    'Linux version 6.1.0-9-amd64 (x) #1 SMP PREEMPT_DYNAMIC Debian 6.1.27-1 (2023-05-08)',
    '6.1.27',
    'rescind-oops map0-use-after-free subchannel-interrupts',
    false,
  ],
  ['6.1.0-9-amd64', 'no more is known', null, '', false],
  ['6.12.57+deb13-amd64', '', '6.12.57', 'subchannel-oops subchannel-interrupts', false],
  ['6.12.8', '', '6.12.8', 'subchannel-interrupts', false],
  [
    '6.12.117+deb13-cloud-amd64',
    'Linux version 6.12.117+deb13-cloud-amd64 (x) (x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0) #1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1 (2026-07-01)',
    '6.12.117',
    '',
    true,
  ],
  ['7.2.13+deb14-amd64', '', '7.2.13', '', true],
  ['', '', null, '', false],
];

describe('a kernel', () => {
  for (const [release, version, upstream, hazards, subchannels] of kernels) {
    test(`${release || 'without a name'}${version === '' ? '' : ` (${version.slice(-24)})`} has the hazards: ${hazards || 'none'}`, () => {
      using tree = new BusTree();
      tree.write('proc/sys/kernel/osrelease', `${release}\n`);
      tree.write('proc/version', `${version}\n`);

      assert.equal(kernelVersion(tree.root).upstream?.join('.') ?? null, upstream);
      assert.equal(
        kernelHazards(tree.root)
          .filter(({ when }) => when === 'open' || when === 'subchannel')
          .map((hazard) => hazard.id)
          .join(' '),
        hazards,
      );
      assert.equal(subchannelInterruptsAreSafe(tree.root), subchannels);
    });
  }

  for (const [release, isSignalled] of [
    ['5.10.257', false],
    ['6.1.192', false],
    ['6.12.68', false],
    ['6.12.69', true],
    ['6.13.0', false],
    ['6.16.9', false],
    ['6.17.1', true],
    ['7.3.4', true],
    ['6.17.0-9-generic', false], // a count of the distribution: which version it is stays hidden
  ] as const) {
    test(`${release} ${isSignalled ? 'signals' : 'never signals'} a slow subchannel`, () => {
      using tree = new BusTree();
      tree.write('proc/sys/kernel/osrelease', `${release}\n`);

      assert.equal(slowSubchannelsAreSignalled(tree.root), isSignalled);
    });
  }

  test('of Ubuntu tells its upstream version in a file of its own', () => {
    using tree = new BusTree();
    tree.write('proc/sys/kernel/osrelease', '5.15.0-91-generic\n');
    tree.write('proc/version_signature', 'Ubuntu 5.15.0-91.101-generic 5.15.131\n');
    assert.deepEqual(kernelVersion(tree.root).upstream, [5, 15, 131]);
  });
});

describe('the class table', () => {
  test('agrees with the modaliases of the kernel, byte for byte', () => {
    const modaliases = {
      net: '635161f83edfc546913ff2d2f965ed0e',
      fcopy: 'e34bd134e4dec8419ae76b174977c192',
      kvp: 'e7f4a0a9455a964db8278a841e8c03e6',
      vss: '292efa3523ea364296ae3a6ebacba440',
      scsi: 'd96361baa104294db60572e2ffb1dc7f',
      balloon: 'dc7450528589e2468057a307dc18a502',
    };
    for (const [name, hex] of Object.entries(modaliases)) {
      const { guid } = classOfName(name) ?? { guid: undefined };
      assert.ok(guid);
      assert.equal(Buffer.from(guidToBytes(guid)).toString('hex'), hex);
    }
  });

  test('has no name and no GUID twice, and class indexes in order', () => {
    assert.equal(new Set(deviceClasses.map((entry) => entry.name)).size, deviceClasses.length);
    assert.equal(new Set(deviceClasses.map((entry) => entry.guid)).size, deviceClasses.length);
    assert.deepEqual(
      deviceClasses.map((entry) => entry.deviceIndex),
      [...Array(16).keys(), 16, 16, 16, 16, 16],
    );
  });

  test('offers to confidential guests what the kernel lets through', () => {
    assert.deepEqual(
      deviceClasses.filter((entry) => entry.inConfidentialVm).map((entry) => entry.name),
      ['scsi', 'net', 'pci', 'timesync', 'heartbeat', 'shutdown'],
    );
  });
});

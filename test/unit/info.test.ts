// SPDX-License-Identifier: MIT
//
// What machine this is, by facts of machines that have fooled detectors before.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CpuidLeaf } from '../../dist/insight/cpuid-leaves.js';
import { enlightenments, hostVersion, isolationOf, vendorText } from '../../dist/insight/cpuid-leaves.js';
import type { DmiField, MachineFacts } from '../../dist/insight/evidence.js';
import { captureFacts } from '../../dist/insight/evidence.js';
import { detect, judge } from '../../dist/insight/info.js';
import { makeFolder } from './support/make-folder.js';

const letters = (text: string): [number, number, number] => {
  const bytes = Buffer.alloc(12);
  bytes.write(text, 'latin1');
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
};
const interfaceLeaf: CpuidLeaf = [0x31237648, 0, 0, 0];
/** Hyper-V's leaves as QEMU presents them by default: Windows Server 2016. */
const presented: [number, CpuidLeaf][] = [
  [0x40000000, [0x40000005, ...letters('Microsoft Hv')]],
  [0x40000001, interfaceLeaf],
  [0x40000002, [14393, 0x000a_0000, 0, 0]],
  [0x40000003, [0b1110_1110, 0x30, 0, 0x400]],
  [0x40000004, [0x20, 0xffff_ffff, 0, 0]],
  [0x40000005, [64, 64, 0, 0]],
];
const nothing: MachineFacts = {
  architecture: 'x64',
  cpuid: new Map(),
  cpuidProblem: null,
  dmi: new Map(),
  hasEfi: false,
  acpiHypervisor: null,
  sysHypervisor: null,
  hasQemuFirmwareConfig: false,
  hypervisorFlag: true,
  kernelRelease: '6.12.0',
  vmbusDevices: ['a', 'b'],
};
const dmi = (fields: Partial<Record<DmiField, string>>): MachineFacts['dmi'] =>
  new Map(Object.entries(fields) as [DmiField, string][]);
const microsoft = { sys_vendor: 'Microsoft Corporation', product_name: 'Virtual Machine' };
const verdict = (facts: Partial<MachineFacts>) => judge('/', 'guest', { ...nothing, ...facts });

describe('CPUID leaves', () => {
  it('spell the vendor', () => {
    assert.equal(vendorText([0, 0x7263694d, 0x666f736f, 0x76482074]), 'Microsoft Hv');
    assert.equal(vendorText([0, ...letters('KVMKVMKVM')]), 'KVMKVMKVM');
  });

  it('tell the host version with its service fields', () => {
    assert.deepEqual(hostVersion([20348, 0x000a_0000, 1, 0x0500_0a2b]), {
      major: 10,
      minor: 0,
      build: 20348,
      servicePack: 1,
      serviceBranch: 5,
      serviceNumber: 0xa2b,
      text: '10.0.20348',
    });
  });

  it('name features and recommendations', () => {
    const names = enlightenments([0b1110_1110, 0x30, 0, 1 << 19], [0x20, 0, 0, 0]).map(({ name }) => name);

    assert.deepEqual(names, [
      'time-reference',
      'synic',
      'stimer',
      'hypercalls',
      'vp-index',
      'reset-msr',
      'post-messages',
      'signal-events',
      'direct-stimer',
      'relaxed-timing',
    ]);
  });

  it('name the isolation', () => {
    assert.deepEqual(
      [0, 1, 2, 3, 9].map((kind) => isolationOf([0, kind, 0, 0])),
      ['none', 'vbs', 'snp', 'tdx', 'other'],
    );
  });
});

describe('detect', () => {
  it('knows a generation 2 guest of Hyper-V', () => {
    const found = verdict({
      cpuid: new Map(presented),
      hasEfi: true,
      dmi: dmi({ ...microsoft, bios_version: 'Hyper-V UEFI Release v4.1', chassis_asset_tag: '1234' }),
    });

    assert.deepEqual([found.hypervisor.value, found.hypervisor.confidence], ['hyper-v', 'certain']);
    assert.deepEqual([found.generation.value, found.generation.confidence], [2, 'certain']);
    assert.equal(found.platform.value, 'on-premises');
    assert.equal(found.hostVersion.value?.text, '10.0.14393');
    assert.equal(found.isConfidential, false);
    assert.equal(found.summary, 'a guest of Hyper-V, host 10.0.14393, generation 2, VMBus with 2 devices');
  });

  it('knows a generation 1 guest in Azure', () => {
    const found = verdict({
      cpuid: new Map(presented),
      dmi: dmi({ ...microsoft, bios_version: '090008 ', chassis_asset_tag: '7783-7084-3265-9085-8269-3286-77' }),
    });

    assert.deepEqual(
      [found.generation.value, found.platform.value, found.platform.confidence],
      [1, 'azure', 'certain'],
    );
  });

  it('is not fooled by KVM that presents the interface of Hyper-V and shows its own behind', () => {
    const found = verdict({ cpuid: new Map([...presented, [0x40000100, [0x40000101, ...letters('KVMKVMKVM')]]]) });

    assert.deepEqual(
      [found.hypervisor.value, found.hypervisor.confidence, found.hyperVInterface.value],
      ['kvm', 'certain', true],
    );
    assert.equal(found.platform.value, null);
    assert.match(found.summary, /^a guest of KVM, which presents the interface of Hyper-V, host 10\.0\.14393/);
  });

  it('is not fooled by KVM that hides itself, where the tables name QEMU', () => {
    const found = verdict({
      cpuid: new Map(presented),
      dmi: dmi({ sys_vendor: 'QEMU', product_name: 'Standard PC (i440FX + PIIX, 1996)' }),
    });

    assert.deepEqual([found.hypervisor.value, found.hypervisor.confidence], ['kvm', 'likely']);
    assert.equal(found.hostVersion.value?.build, 14393);
  });

  it('is not fooled by Xen with the viridian interface', () => {
    const found = verdict({ cpuid: new Map([...presented, [0x40000100, [0x40000102, ...letters('XenVMMXenVMM')]]]) });

    assert.equal(found.hypervisor.value, 'xen');
  });

  it("is not fooled by a physical machine with Microsoft's name in its tables", () => {
    const found = verdict({
      dmi: dmi({ sys_vendor: 'Microsoft Corporation', product_name: 'Surface Pro 7' }),
      vmbusDevices: null,
    });

    assert.deepEqual(
      [found.hypervisor.value, found.hypervisor.confidence, found.hyperVInterface.value],
      ['none', 'certain', false],
    );
    assert.equal(found.summary, 'bare metal, no hypervisor');
  });

  it('knows an ARM64 guest, which has no CPUID, by the ACPI tables', () => {
    const found = verdict({
      architecture: 'arm64',
      acpiHypervisor: 'MsHyperV',
      hasEfi: true,
      hypervisorFlag: null,
      dmi: dmi(microsoft),
    });

    assert.deepEqual(
      [found.hypervisor.value, found.hypervisor.confidence, found.generation.value],
      ['hyper-v', 'certain', 2],
    );
    assert.equal(found.hostVersion.value, null);
    assert.match(found.hostVersion.evidence[0]?.says ?? '', /no such instruction/);
  });

  it('says likely where an unprivileged ARM64 guest can read the DMI only', () => {
    const found = verdict({ architecture: 'arm64', hasEfi: true, hypervisorFlag: null, dmi: dmi(microsoft) });

    assert.deepEqual([found.hypervisor.value, found.hypervisor.confidence], ['hyper-v', 'likely']);
  });

  it("does not take an ARM64 laptop of Microsoft's for a guest", () => {
    const tables = dmi({ sys_vendor: 'Microsoft Corporation', product_name: 'Surface Laptop 7' });
    const found = verdict({
      architecture: 'arm64',
      hasEfi: true,
      hypervisorFlag: null,
      dmi: tables,
      vmbusDevices: null,
    });

    assert.equal(found.hypervisor.value, 'unknown');
  });

  it('keeps apart being on Hyper-V and having its bus', () => {
    const found = verdict({ cpuid: new Map(presented), dmi: dmi(microsoft), vmbusDevices: null });

    assert.equal(found.hypervisor.value, 'hyper-v');
    assert.deepEqual(found.vmbus.value, { isPresent: false, devices: 0 });
    assert.match(found.summary, /no VMBus$/);
  });

  it('tells the root partition from a guest', () => {
    const leaves = new Map(presented).set(0x40000003, [0, 1, 0, 0]);
    const found = verdict({ cpuid: leaves, dmi: dmi({ sys_vendor: 'Dell Inc.' }) });

    assert.equal(found.isRootPartition, true);
    assert.match(found.summary, /the root partition of Hyper-V/);
  });

  it('knows a confidential guest, and its paravisor', () => {
    const leaves = new Map(presented).set(0x40000003, [0, 1 << 22, 0, 0]).set(0x4000000c, [1, 2, 0, 0]);
    const found = verdict({ cpuid: leaves, dmi: dmi(microsoft) });

    assert.deepEqual([found.isolation.value, found.isConfidential], ['snp', true]);
    assert.match(found.isolation.evidence[0]?.says ?? '', /paravisor/);
  });

  it('knows WSL by its kernel', () => {
    const found = verdict({ cpuid: new Map(presented), kernelRelease: '5.15.167.4-microsoft-standard-WSL2' });

    assert.deepEqual([found.hypervisor.value, found.platform.value], ['hyper-v', 'wsl']);
  });

  it('never claims what it cannot know', () => {
    const found = verdict({
      cpuid: null,
      cpuidProblem: 'no addon',
      hypervisorFlag: null,
      hasEfi: null,
      vmbusDevices: null,
      architecture: null,
    });

    assert.deepEqual(
      [found.hypervisor.value, found.hyperVInterface.value, found.isolation.value],
      ['unknown', null, 'none'],
    );
    assert.equal(found.hypervisor.evidence[0]?.says, 'no addon');
  });

  it('says so where a simulated host serves the root', () => {
    const found = judge('/tmp/x', 'simulated', { ...nothing, cpuid: null });

    assert.deepEqual(
      [found.hypervisor.value, found.summary],
      ['simulated', 'a simulated host with 2 devices on its bus'],
    );
  });

  it('never throws, whatever a root holds', () => {
    for (const root of ['/', '/nowhere/at/all', '/etc/passwd', '/proc/self/fd'])
      assert.equal(typeof detect({ root }).summary, 'string');
    const root = makeFolder();
    mkdirSync(path.join(root, 'sys/class/dmi/id/sys_vendor'), { recursive: true });
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.json(), fc.constant('{"schema":1,"cpuid":{"0x40000000":[1,2,3,"x"],"a":7}}')),
        (text) => {
          writeFileSync(path.join(root, 'info.json'), text);
          assert.equal(typeof detect({ root }).summary, 'string');
        },
      ),
    );
  });

  it('finds out the same from what a snapshot brings along', () => {
    const facts = { ...nothing, cpuid: new Map(presented), dmi: dmi({ sys_vendor: 'QEMU' }) };
    const root = makeFolder();
    writeFileSync(path.join(root, 'snapshot.json'), '{}');
    writeFileSync(path.join(root, 'info.json'), JSON.stringify(captureFacts(facts)));
    mkdirSync(path.join(root, 'sys/class/dmi/id'), { recursive: true });
    writeFileSync(path.join(root, 'sys/class/dmi/id/sys_vendor'), 'QEMU\n');
    mkdirSync(path.join(root, 'sys/bus/vmbus/devices/a'), { recursive: true });
    mkdirSync(path.join(root, 'sys/bus/vmbus/devices/b'), { recursive: true });

    const { root: _, rootKind, ...there } = detect({ root });
    const { root: __, rootKind: ___, ...here } = judge('/', 'guest', facts);

    assert.deepEqual(there, here);
    assert.equal(rootKind, 'snapshot');
  });
});

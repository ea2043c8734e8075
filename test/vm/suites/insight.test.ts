// SPDX-License-Identifier: MIT
// Proves insight in a real guest: what machine it says this is, what the doctor finds, and that a picture shows the same.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { captureSnapshot, type Device, detect, doctor, openBus } from '../../../dist/index.js';
import { attributeOrError, balloonDevice, driverOf } from './support/guest.js';

const raw = balloonDevice();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vmbus-insight-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A device as JSON with its paths under the root, and without kernel addresses, which a picture replaces. */
const plain = (device: Device): unknown => {
  const text = JSON.stringify(device).replaceAll(`"${device.root === '/' ? '' : device.root}/`, '"/');
  return JSON.parse(text.replaceAll(/"0xffff[0-9a-f]{12}"/g, '"kernel address"'));
};

describe('detect in a guest of QEMU', () => {
  const found = detect({ root: '/' });

  test('reads the build of Hyper-V that QEMU presents', () => {
    assert.equal(found.hyperVInterface.value, true);
    assert.equal(found.hostVersion.value?.text, '10.0.14393');
    assert.deepEqual(found.hostVersion.evidence, [{ source: 'cpuid 0x40000002', says: '10.0.14393' }]);
  });

  test('is not fooled by that: the machine is KVM', () => {
    assert.equal(found.hypervisor.value, 'kvm', JSON.stringify(found.hypervisor));
    assert.equal(found.platform.value, null);
  });

  test('knows that there is a bus with one device, that it booted by BIOS, and that nothing is isolated', () => {
    assert.deepEqual(found.vmbus.value, { isPresent: true, devices: 1 });
    assert.deepEqual([found.generation.value, found.isolation.value, found.isConfidential], [1, 'none', false]);
  });

  test('names the enlightenments that the bus needs', () => {
    const names = found.enlightenments.map(({ name }) => name);
    for (const needed of ['synic', 'vp-index', 'hypercalls', 'post-messages', 'signal-events'])
      assert.ok(names.includes(needed), `${needed} in ${names}`);
  });
});

describe('the doctor in a guest of QEMU', () => {
  test('judges the balloon by the driver it has', async () => {
    const { results } = await doctor({ root: '/', only: ['balloon'] });
    const [balloon] = results.filter(({ id }) => id === 'device-drivers');

    assert.equal(balloon?.availability, driverOf(raw) === undefined ? 'no-driver' : 'working', JSON.stringify(results));
  });

  test('tells services that this host does not offer from those that are broken', async () => {
    const { results } = await doctor({ root: '/', only: ['integration-services'] });

    assert.deepEqual([...new Set(results.map(({ availability }) => availability))], ['not-offered']);
  });

  test('comes to an end, and breaks in no check', async () => {
    const report = await doctor({ root: '/' });

    assert.deepEqual(
      report.results.filter(({ cause }) => cause.startsWith('the check itself failed')),
      [],
    );
    assert.match(report.machine, /10\.0\.14393/);
  });
});

describe('a snapshot of a guest', () => {
  test('gives the same devices, field by field, with the errno of each attribute that could not be read', async () => {
    const { to } = await captureSnapshot(path.join(folder, 'capture'), { root: '/' });

    const here = openBus({ root: '/' }).devices();
    const there = openBus({ root: to }).devices();

    assert.deepEqual(there.map(plain), here.map(plain));
    assert.equal(
      attributeOrError(raw.folder, 'in_read_index'),
      there[0]?.unreadable.find(({ attribute }) => attribute === 'in_read_index')?.errno ??
        String(there[0]?.in.readIndex),
    );
  });

  test('lets detect find out the same', async () => {
    const { to } = await captureSnapshot(path.join(folder, 'second'), { root: '/' });
    const { root: _here, rootKind: _kindHere, ...here } = detect({ root: '/' });
    const { root: _there, rootKind: _kindThere, ...there } = detect({ root: to });

    assert.deepEqual(there, here);
  });

  test('holds no name of this machine', async () => {
    const { to } = await captureSnapshot(path.join(folder, 'third'), { root: '/' });
    const hostname = os.hostname();
    const files = fs.readdirSync(to, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const text = files
      .map((entry) => path.join(entry.parentPath, entry.name))
      .filter((file) => fs.statSync(file).size < 65_536)
      .map((file) => fs.readFileSync(file, 'latin1'))
      .join('\n');

    assert.ok(files.length > 20);
    if (hostname.length >= 4 && hostname !== 'localhost') assert.doesNotMatch(text, new RegExp(`\\b${hostname}\\b`));
    assert.doesNotMatch(text, /Live 0xffff/);
  });
});

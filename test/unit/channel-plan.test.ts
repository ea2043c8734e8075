// SPDX-License-Identifier: MIT
//
// What is opened and mapped on which kernel, and what is refused: over trees of files.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import type { Device } from '../../dist/bus/index.js';
import { DevicePlace } from '../../dist/channel/device-place.js';
import { planOf } from '../../dist/channel/open-plan.js';
import { LeaseInspect } from '../../dist/native/binding.js';
import { device as guid, openFake } from './channel-fake-binding.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function file(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

/** A tree with one bound device on a Debian kernel of that version. */
function treeOf(version: string, options: { readonly ring?: boolean; readonly map0?: number | null } = {}): Device {
  const root = mkdtempSync(join(tmpdir(), 'vmbus-plan-'));
  folders.push(root);
  const path = join(root, 'sys/devices/vmbus', guid);
  file(join(root, 'proc/sys/kernel/osrelease'), `${version.replace(/\.\d+$/, '.0')}-9-amd64\n`);
  file(join(root, 'proc/version'), `Linux version (Debian) #1 SMP Debian ${version}-1 (2026-01-01)\n`);
  file(join(root, 'dev/uio0'), '');
  file(join(path, 'channels/7/subchannel_id'), '0\n');
  const ring = { path: join(path, 'channels/7/ring'), sizeBytes: 4194304 };
  if (options.ring === true) file(ring.path, '');
  const channel = { relid: 7, isPrimary: true, monitorId: 3, ring: options.ring === true ? ring : null };
  const map0 = { index: 0, sizeBytes: options.map0 === undefined ? 139264 : options.map0 };
  return {
    id: guid,
    root,
    path,
    relid: 7,
    monitorId: 3,
    driver: 'uio_hv_generic',
    class: { name: 'echo' },
    channels: [channel],
    uio: { name: 'uio0', node: join(root, 'dev/uio0'), maps: [map0] },
  } as unknown as Device;
}

const unsupported = { code: 'ERR_VMBUS_UNSUPPORTED' };

describe('the plan of an open', () => {
  it('maps map 0 with the size that the kernel shows, on good kernels', () => {
    const { native, monitorId } = planOf(treeOf('6.12.117'), {}, 1000);

    assert.deepEqual(native, {
      ringBytes: 139264,
      ringFile: '',
      monitorId: 3,
      relid: 7,
      exclusive: true,
      timeoutMs: 1000,
    });
    assert.equal(monitorId, 3);
  });

  it('maps the ring file where the kernel frees the rings under map 0', () => {
    const device = treeOf('5.10.257', { ring: true });

    assert.equal(planOf(device, {}, 1000).native.ringFile, `${device.path}/channels/7/ring`);
  });

  it('refuses such a kernel without a ring file, unless it is forced', () => {
    assert.throws(() => planOf(treeOf('5.10.257'), {}, 1000), unsupported);
    assert.equal(planOf(treeOf('5.10.257'), { force: true }, 1000).native.ringFile, '');
  });

  it('refuses kernels that crash when the host withdraws an open device, unless it is forced', () => {
    assert.throws(() => planOf(treeOf('6.1.100', { ring: true }), {}, 1000), {
      ...unsupported,
      facts: { hazard: 'rescind-oops' },
    });
    assert.equal(
      planOf(treeOf('6.1.100', { ring: true }), { force: true, shared: true }, 1000).native.exclusive,
      false,
    );
  });

  it('says what to do about a device that is not bound, or not complete', () => {
    const unbound = { ...treeOf('6.12.117'), uio: null, driver: 'hv_balloon' } as unknown as Device;

    assert.throws(() => planOf(unbound, {}, 1), {
      code: 'ERR_VMBUS_NOT_BOUND',
      message: /hv_balloon/,
      hint: /hv bind/,
    });
    assert.throws(() => planOf(treeOf('6.12.117', { map0: null }), {}, 1), {
      code: 'ERR_VMBUS_NOT_BOUND',
      message: /map 0/,
    });
  });
});

/** A channel on a real device of that kernel, with a subchannel 8 that has a ring. */
async function openOn(version: string): ReturnType<typeof openFake> {
  const opened = await openFake();
  const device = treeOf(version);
  for (const [name, text] of Object.entries({ subchannel_id: '1\n', ring: '', monitor_id: '4\n' })) {
    file(join(device.path, 'channels/8', name), text);
  }
  opened.lease.place = new DevicePlace(device);
  opened.lease.facts[LeaseInspect.kind] = 0;
  return opened;
}

describe('a subchannel of a real device', () => {
  for (const [version, wakes] of [
    ['6.12.117', 'interrupt'],
    ['6.1.192', 'interrupt'],
    ['7.3.4', 'interrupt'],
    ['6.12.40', 'poll'],
    ['6.8.12', 'poll'],
  ] as const) {
    it(`is told of packets by ${wakes} on ${version}`, async () => {
      const { channel, fake } = await openOn(version);
      const attached: unknown[] = [];
      const armed: unknown[] = [];
      Object.assign(fake, {
        attachSubchannel: (...input: unknown[]) => attached.push(input) && 9,
        setArming: (...input: unknown[]) => armed.push(input) && 0,
      });

      const sub = await channel.openSubchannel(8);

      assert.equal(sub.inspect().wakes, wakes);
      assert.deepEqual(armed, wakes === 'poll' ? [[9, false]] : []);
      assert.deepEqual((attached[0] as unknown[]).slice(2), [8, 4]);
      await channel.close();
    });
  }

  it('is refused on kernels that crash with one', async () => {
    const { channel } = await openOn('6.12.57');

    await assert.rejects(channel.openSubchannel(8), { ...unsupported, facts: { hazard: 'subchannel-oops' } });

    await channel.close();
  });

  it('says so when the kernel has a folder for it but never opens it', async () => {
    const { channel, lease } = await openOn('6.12.117');
    file(join(lease.place?.path ?? '', 'channels/9/subchannel_id'), '2\n');

    await assert.rejects(channel.openSubchannel(9, { timeoutMs: 5 }), { code: 'ERR_VMBUS_TIMEOUT', hint: /dmesg/ });
    await channel.close();
  });
});

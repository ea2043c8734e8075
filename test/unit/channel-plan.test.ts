// SPDX-License-Identifier: MIT
//
// What is opened and mapped on which kernel, and what is refused: over trees of files.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { type Device, openBus } from '../../dist/bus/index.js';
import { DevicePlace } from '../../dist/channel/device-place.js';
import { checkUnchanged, planOf } from '../../dist/channel/open-plan.js';
import type { VmbusError } from '../../dist/errors.js';
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

interface Tree {
  readonly ring?: boolean;
  readonly map0?: string | null;
  readonly relid?: string;
  readonly monitorId?: string;
  readonly driver?: string;
  readonly uio?: string | null;
  /** Device number, as sysfs prints it. */
  readonly dev?: string;
}

/** A tree with one bound device on a Debian kernel of that version. */
function treeOf(version: string, tree: Tree = {}): Device {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'vmbus-plan-')));
  folders.push(root);
  const path = join(root, 'sys/devices/vmbus', guid);
  mkdirSync(join(root, 'sys/bus/vmbus/devices'), { recursive: true });
  symlinkSync(path, join(root, 'sys/bus/vmbus/devices', guid));
  file(join(root, 'proc/sys/kernel/osrelease'), `${version.replace(/\.\d+$/, '.0')}-9-amd64\n`);
  file(join(root, 'proc/version'), `Linux version (Debian) #1 SMP Debian ${version}-1 (2026-01-01)\n`);
  file(join(root, 'dev/uio0'), '');
  offer(path, tree);
  return openBus({ root }).device(guid);
}

/** What the kernel shows of the device from now on. */
function offer(path: string, tree: Tree): void {
  rmSync(path, { recursive: true, force: true });
  const { relid = '7', monitorId = '3', driver = 'uio_hv_generic', uio = 'uio0', map0 = '0x22000', dev } = tree;
  file(join(path, 'id'), `${relid}\n`);
  file(join(path, 'monitor_id'), `${monitorId}\n`);
  file(join(path, `channels/${relid}/subchannel_id`), '0\n');
  file(join(path, `channels/${relid}/monitor_id`), `${monitorId}\n`);
  if (tree.ring === true) file(join(path, `channels/${relid}/ring`), '');
  symlinkSync(`/drivers/${driver}`, join(path, 'driver'));
  if (uio === null) return;
  mkdirSync(join(path, 'uio', uio), { recursive: true });
  if (map0 !== null) file(join(path, 'uio', uio, 'maps/map0/size'), `${map0}\n`);
  if (dev !== undefined) file(join(path, 'uio', uio, 'dev'), `${dev}\n`);
}

/** The same with the two maps that the kernel adds to a network card. */
function withBuffers(receiveName: string, receiveSize: string, sendName: string, sendSize: string): Device {
  const device = treeOf('6.12.117');
  const maps = join(device.path, 'uio/uio0/maps');
  file(join(maps, 'map3/name'), `${receiveName}\n`);
  file(join(maps, 'map3/size'), `${receiveSize}\n`);
  file(join(maps, 'map4/name'), `${sendName}\n`);
  file(join(maps, 'map4/size'), `${sendSize}\n`);
  return openBus({ root: device.root }).device(guid);
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

  it('maps the buffers only where they are wanted, with sizes and handles as the kernel shows them', () => {
    const device = withBuffers('recv:925200', '0x1f00000', 'send:925201', '0x1000000');

    assert.equal('buffers' in planOf(device, {}, 1000).native, false);
    assert.deepEqual(planOf(device, { buffers: true }, 1000).native.buffers, {
      receiveBytes: 32_505_856,
      receiveGpadl: 925_200,
      sendBytes: 16_777_216,
      sendGpadl: 925_201,
    });
  });

  it('says so where a device has no buffers', () => {
    assert.throws(() => planOf(treeOf('6.12.117'), { buffers: true }, 1000), { ...unsupported, message: /no map 3/ });
  });

  const nonsense: readonly (readonly [string, readonly [string, string, string, string]])[] = [
    ['another name', ['send:1', '0x1000', 'send:2', '0x1000']],
    ['a handle that is no number', ['recv:0x1', '0x1000', 'send:2', '0x1000']],
    ['a handle beyond 32 bits', ['recv:4294967296', '0x1000', 'send:2', '0x1000']],
    ['no size', ['recv:1', '0x0', 'send:2', '0x1000']],
    ['a size of no whole pages', ['recv:1', '0x1000', 'send:2', '0x1001']],
    ['more than a GiB', ['recv:1', '0x40001000', 'send:2', '0x1000']],
  ];
  for (const [what, maps] of nonsense) {
    it(`takes no buffer with ${what}`, () => {
      assert.throws(() => planOf(withBuffers(...maps), { buffers: true }, 1000), { code: 'ERR_VMBUS_CORRUPT' });
    });
  }

  it('refuses kernels that crash when the host withdraws an open device, unless it is forced', () => {
    assert.throws(() => planOf(treeOf('6.1.100', { ring: true }), {}, 1000), {
      ...unsupported,
      facts: { feature: 'channel', kernel: '6.1.0-9-amd64', hazard: 'rescind-oops' },
    });
    assert.equal(
      planOf(treeOf('6.1.100', { ring: true }), { force: true, shared: true }, 1000).native.exclusive,
      false,
    );
  });

  it('says what to do about a device that is not bound, or not complete', () => {
    const unbound = treeOf('6.12.117', { uio: null, driver: 'hv_balloon' });

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

  for (const [tree, attribute] of [
    [{ relid: '0' }, 'id'],
    [{ relid: '2048' }, 'id'],
    [{ monitorId: '128' }, 'monitor_id'],
    [{ monitorId: '-1' }, 'monitor_id'],
    [{ monitorId: 'none' }, 'monitor_id'],
  ] as const) {
    it(`refuses a host's ${JSON.stringify(tree)}, and names the attribute`, () => {
      assert.throws(
        () => planOf(treeOf('6.12.117', tree), {}, 1),
        (error: VmbusError) =>
          error.code === 'ERR_VMBUS_CORRUPT' &&
          error.facts.attribute === attribute &&
          error.path?.endsWith(`/${attribute}`) === true,
      );
    });
  }
});

describe('a device that was offered again since it was read', () => {
  it('is opened as it is now', () => {
    const device = treeOf('6.12.117');
    offer(device.path, { relid: '9', monitorId: '5', uio: 'uio3', map0: '0x4000' });

    const plan = planOf(device, {}, 1);

    assert.equal(plan.nodePath, join(device.root, 'dev/uio3'));
    const { relid, monitorId, ringBytes } = plan.native;
    assert.deepEqual({ relid, monitorId, ringBytes }, { relid: 9, monitorId: 5, ringBytes: 0x4000 });
  });

  it('is not opened when it is gone', () => {
    const device = treeOf('6.12.117');
    rmSync(join(device.root, 'sys/bus/vmbus/devices', guid));

    assert.throws(() => planOf(device, {}, 1), { code: 'ERR_VMBUS_NO_DEVICE', device: guid, hint: /hv ls/ });
  });

  for (const [what, tree] of [
    ['with another node', { uio: 'uio3' }],
    ['with another relid', { relid: '9' }],
    ['without a node', { uio: null }],
  ] as const) {
    it(`is not taken for the same when it came back ${what} during the open`, () => {
      const device = treeOf('6.12.117');
      const plan = planOf(device, {}, 1);
      checkUnchanged(plan, device.id);

      offer(device.path, tree);

      assert.throws(() => checkUnchanged(plan, device.id), { code: 'ERR_VMBUS_RESCINDED', device: guid, channel: 7 });
    });
  }
});

/** Puts something else in the place of the node. */
function replaceNode(device: Device, target: string): void {
  const node = join(device.root, 'dev/uio0');
  rmSync(node);
  symlinkSync(target, node);
}

describe('a node that is another device than sysfs says', () => {
  const numberOfNull = { dev: '1:3' };
  const wrongNode = { code: 'ERR_VMBUS_NODE_KIND', device: guid, hint: /mknod|ls -lL/ };

  it('is not opened: that could have effects', () => {
    const device = treeOf('6.12.117', { dev: '240:0' });
    replaceNode(device, '/dev/null');

    assert.throws(() => planOf(device, {}, 1), {
      ...wrongNode,
      message: /dev\/uio0 is device 1:3, and not 240:0/,
      facts: { found: '1:3', expected: '240:0' },
    });
  });

  it('is not taken for the right one when it was put there during the open', () => {
    const device = treeOf('6.12.117', numberOfNull);
    replaceNode(device, '/dev/null');
    const plan = planOf(device, {}, 1);
    checkUnchanged(plan, device.id);

    replaceNode(device, '/dev/full');
    assert.throws(() => checkUnchanged(plan, device.id), wrongNode);
    replaceNode(device, join(device.path, 'id'));
    assert.throws(() => checkUnchanged(plan, device.id), wrongNode);
  });

  it('is taken for a device that was withdrawn where the node went during the open, or sysfs has another number now', () => {
    const device = treeOf('6.12.117', numberOfNull);
    replaceNode(device, '/dev/null');
    const plan = planOf(device, {}, 1);

    offer(device.path, { dev: '1:7' });
    assert.throws(() => checkUnchanged(plan, device.id), { code: 'ERR_VMBUS_RESCINDED' });
    offer(device.path, numberOfNull);
    rmSync(join(device.root, 'dev/uio0'));
    assert.throws(() => checkUnchanged(plan, device.id), { code: 'ERR_VMBUS_RESCINDED' });
  });

  it('is opened when it is the right one, and left to the open when it is none at all', () => {
    const device = treeOf('6.12.117', numberOfNull);
    planOf(device, {}, 1);
    replaceNode(device, '/dev/null');
    planOf(device, {}, 1);
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

    await assert.rejects(channel.openSubchannel(8), {
      ...unsupported,
      facts: { feature: 'subchannel', kernel: '6.12.0-9-amd64', hazard: 'subchannel-oops' },
    });

    await channel.close();
  });

  for (const [version, isTaken] of [
    ['6.12.68', false],
    ['6.12.69', true],
    ['6.1.192', false],
    ['6.16.9', false],
    ['6.17.0', true],
    ['7.3.4', true],
  ] as const) {
    it(`without a monitor id is ${isTaken ? 'taken' : 'refused'} on ${version}, for the kernel ${isTaken ? 'signals it' : 'would never signal it'}`, async () => {
      const { channel, lease, fake } = await openOn(version);
      rmSync(join(lease.place?.path ?? '', 'channels/8/monitor_id'));
      Object.assign(fake, { attachSubchannel: () => 9, setArming: () => 0 });

      const opening = channel.openSubchannel(8);

      if (isTaken) assert.equal((await opening).relid, 8);
      else await assert.rejects(opening, unsupported);
      await channel.close();
    });
  }

  it('with a monitor id that the page has no place for is refused', async () => {
    const { channel, lease } = await openOn('6.12.117');
    file(join(lease.place?.path ?? '', 'channels/8/monitor_id'), '128\n');

    await assert.rejects(channel.openSubchannel(8), {
      code: 'ERR_VMBUS_CORRUPT',
      device: guid,
      facts: { attribute: 'monitor_id', value: 128 },
    });
    await channel.close();
  });

  it('says so when the kernel has a folder for it but never opens it', async () => {
    const { channel, lease } = await openOn('6.12.117');
    file(join(lease.place?.path ?? '', 'channels/9/subchannel_id'), '2\n');

    await assert.rejects(channel.openSubchannel(9, { timeoutMs: 5 }), { code: 'ERR_VMBUS_TIMEOUT', hint: /dmesg/ });
    await channel.close();
  });
});

// SPDX-License-Identifier: MIT
// Proves what the kernel shows of a device and its channel before, while and after uio_hv_generic has it.
// The library builds on these facts. They were written down from the drivers of Linux 6.1 to 7.3 and are checked here on
// the kernels at hand. No code of the library runs. Facts: Documentation/ABI/stable/sysfs-bus-vmbus, -sysfs-driver-hv.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import {
  attribute,
  attributeOrError,
  BALLOON_CLASS,
  balloonDevice,
  bindToUio,
  driverFile,
  driverOf,
  kernelLog,
  kernelName,
  loadModule,
  unbindFromUio,
} from './support/guest.js';

const DEVICE_RING_FILES = [
  'in_intr_mask',
  'in_read_index',
  'in_write_index',
  'in_read_bytes_avail',
  'in_write_bytes_avail',
  'out_intr_mask',
  'out_read_index',
  'out_write_index',
  'out_read_bytes_avail',
  'out_write_bytes_avail',
];
const CHANNEL_RING_FILES = ['in_mask', 'out_mask', 'read_avail', 'write_avail'];
const MONITOR_FILES = [
  'monitor_id',
  'server_monitor_pending',
  'server_monitor_latency',
  'server_monitor_conn_id',
  'client_monitor_pending',
  'client_monitor_latency',
  'client_monitor_conn_id',
];
/** A ring of 2 MiB less its header page. */
const EMPTY_RING = String(2 * 2 ** 20 - 4096);

const device = balloonDevice();

const ringFiles = (): Record<string, string> =>
  Object.fromEntries([
    ...DEVICE_RING_FILES.map((name) => [name, attributeOrError(device.folder, name)] as const),
    ...CHANNEL_RING_FILES.map((name) => [name, attributeOrError(device.channel, name)] as const),
  ]);
const allAre = (value: string): Record<string, string> =>
  Object.fromEntries([...DEVICE_RING_FILES, ...CHANNEL_RING_FILES].map((name) => [name, value]));
const modeOf = (file: string): string => (fs.statSync(file).mode & 0o777).toString(8);

describe('a device that nobody opened', () => {
  test('is named by its instance, in lower case and without braces', () => {
    assert.match(device.guid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(attribute(device.folder, 'device_id'), `{${device.guid}}`);
    assert.equal(attribute(device.folder, 'class_id'), `{${BALLOON_CLASS}}`);
  });

  test('carries the class in its modalias as the bytes lie in memory', () => {
    assert.equal(attribute(device.folder, 'modalias'), 'vmbus:dc7450528589e2468057a307dc18a502');
  });

  test('is of the one vendor, and of the class index of the balloon', () => {
    assert.equal(attribute(device.folder, 'vendor'), '0x1414');
    assert.equal(attribute(device.folder, 'device'), '0xf');
  });

  test('is in state 2 and has relid 1, targeted at processor 0', () => {
    assert.equal(attribute(device.folder, 'state'), '2');
    assert.equal(attribute(device.folder, 'id'), '1');
    assert.equal(attribute(device.folder, 'channel_vp_mapping'), '1:0');
    assert.equal(attribute(device.channel, 'cpu'), '0');
    assert.equal(attribute(device.channel, 'subchannel_id'), '0');
  });

  test('has no override of its driver, which reads as a word in parentheses', () => {
    assert.equal(attribute(device.folder, 'driver_override'), '(null)');
  });

  test('has no monitor, so everything about monitors is absent', () => {
    assert.deepEqual(
      MONITOR_FILES.filter((name) => fs.existsSync(path.join(device.folder, name))),
      [],
    );
    assert.deepEqual(
      ['monitor_id', 'pending', 'latency'].filter((name) => fs.existsSync(path.join(device.channel, name))),
      [],
    );
  });

  test('answers EINVAL for everything that lies in its rings', () => {
    assert.deepEqual(ringFiles(), allAre('EINVAL'));
  });

  test('counts neither events nor interrupts', () => {
    assert.equal(attribute(device.channel, 'events'), '0');
    assert.equal(attribute(device.channel, 'interrupts'), '0');
  });

  test('cannot be moved to another processor', () => {
    assert.throws(() => fs.writeFileSync(path.join(device.channel, 'cpu'), '1'), { code: 'EIO' });
  });
});

test('the bus says whether the host lets the guest hibernate', () => {
  assert.match(attribute('/sys/bus/vmbus', 'hibernation'), /^[01]$/);
});

describe('writing to the files of a driver', () => {
  before(() => loadModule('uio_hv_generic'));
  const write = (name: 'bind' | 'unbind' | 'new_id' | 'remove_id', text: string) => () =>
    fs.writeFileSync(driverFile('uio_hv_generic', name), text);

  test('refuses a malformed class with EINVAL', () => {
    assert.throws(write('new_id', 'no-guid'), { code: 'EINVAL' });
  });

  test('refuses to forget a class that was never added with ENODEV', () => {
    assert.throws(write('remove_id', '00000000-1111-2222-3333-444444444444'), { code: 'ENODEV' });
  });

  test('refuses to bind a device whose class the driver does not know with ENODEV', () => {
    assert.throws(write('bind', device.guid), { code: 'ENODEV' });
  });

  test('refuses to unbind a device that it does not have with ENODEV', () => {
    assert.throws(write('unbind', device.guid), { code: 'ENODEV' });
  });
});

const takesChannel = KERNELS_WITH_SLOW_UIO.includes(kernelName());

describe('a channel without a monitor on an old kernel', {
  skip: takesChannel && 'this kernel takes such channels',
}, () => {
  test('is refused by uio_hv_generic, which only the kernel log and an error of 524 tell', () => {
    fs.writeFileSync(driverFile('uio_hv_generic', 'new_id'), BALLOON_CLASS);

    assert.equal(driverOf(device), undefined);
    assert.equal(fs.existsSync('/dev/uio0'), false);
    assert.match(kernelLog(), /vmbus channel requires hypercall/);
    assert.throws(() => fs.writeFileSync(driverFile('uio_hv_generic', 'bind'), device.guid), { errno: -524 });
    unbindFromUio();
  });
});

describe('a channel of uio_hv_generic', {
  skip: !takesChannel && 'this kernel refuses channels without a monitor',
}, () => {
  let node = '';
  before(() => {
    node = bindToUio();
  });
  after(() => unbindFromUio());
  const ring = path.join(device.channel, 'ring');

  test('stays as it was until the node is opened, except for its ring file', () => {
    assert.equal(driverOf(device), 'uio_hv_generic');
    assert.equal(attribute(device.folder, 'state'), '2');
    assert.deepEqual(ringFiles(), allAre('EINVAL'));
    assert.equal(fs.statSync(ring).size, 4 * 2 ** 20);
    assert.equal(modeOf(ring), '600');
  });

  test('has a class that is refused a second time with EEXIST, and a device that is bound already with EBUSY', () => {
    assert.throws(() => fs.writeFileSync(driverFile('uio_hv_generic', 'new_id'), BALLOON_CLASS), { code: 'EEXIST' });
    assert.throws(() => fs.writeFileSync(driverFile('uio_hv_generic', 'bind'), device.guid), { code: 'EBUSY' });
  });

  test('offers both rings as map 0, then the interrupt and monitor pages', () => {
    const maps = path.join('/sys/class/uio', path.basename(node), 'maps');
    const found = fs
      .readdirSync(maps)
      .sort()
      .map((map) => [attribute(path.join(maps, map), 'name'), attribute(path.join(maps, map), 'size')]);

    assert.deepEqual(found.slice(0, 3), [
      ['txrx_rings', '0x0000000000400000'],
      ['int_page', '0x0000000000001000'],
      ['monitor_page', '0x0000000000001000'],
    ]);
    // Buffers that only network cards need are there up to 6.12.
    const buffers = found.slice(3).map(([name, size]) => `${name?.replace(/:\d+$/, '')} ${size}`);
    assert.deepEqual(buffers, kernelName() === '6.12' ? ['recv 0x0000000001f00000', 'send 0x0000000001000000'] : []);
  });

  test('is open while the node is open, with empty rings that may interrupt', () => {
    const descriptor = fs.openSync(node, 'r+');
    const open = { state: attribute(device.folder, 'state'), ...ringFiles() };
    fs.closeSync(descriptor);

    assert.deepEqual(open, {
      state: '3',
      ...allAre('0'),
      in_write_bytes_avail: EMPTY_RING,
      out_write_bytes_avail: EMPTY_RING,
      write_avail: EMPTY_RING,
    });
  });

  test('goes back to state 2 on close, but keeps showing the last values of its rings', () => {
    assert.equal(attribute(device.folder, 'state'), '2');
    assert.equal(attribute(device.channel, 'write_avail'), EMPTY_RING);
  });

  test('lets a second opener in, and stays open until the last one closes', () => {
    const first = fs.openSync(node, 'r+');
    const second = fs.openSync(node, 'r+');
    fs.closeSync(first);
    const stateBetween = attribute(device.folder, 'state');
    fs.closeSync(second);

    assert.equal(stateBetween, '3');
    assert.equal(attribute(device.folder, 'state'), '2');
  });

  test('has nothing to read before the first wake', () => {
    const descriptor = fs.openSync(node, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);

    assert.throws(() => fs.readSync(descriptor, Buffer.alloc(4)), { code: 'EAGAIN' });
    fs.closeSync(descriptor);
  });

  test('takes interrupt control words of 4 bytes and nothing else', () => {
    const descriptor = fs.openSync(node, 'r+');

    assert.equal(fs.writeSync(descriptor, Buffer.from([1, 0, 0, 0])), 4);
    assert.throws(() => fs.writeSync(descriptor, Buffer.from([1])), { code: 'EINVAL' });
    fs.closeSync(descriptor);
  });

  test('cannot be moved to another processor even while it is open, for VMBus 4.0 has no word for that', () => {
    const descriptor = fs.openSync(node, 'r+');

    assert.throws(() => fs.writeFileSync(path.join(device.channel, 'cpu'), '1'), { code: 'EIO' });
    fs.closeSync(descriptor);
  });

  test('comes back after unbinding and binding', () => {
    fs.writeFileSync(driverFile('uio_hv_generic', 'unbind'), device.guid);
    assert.equal(fs.existsSync(node), false);
    fs.writeFileSync(driverFile('uio_hv_generic', 'bind'), device.guid);

    const descriptor = fs.openSync(node, 'r+');
    const state = attribute(device.folder, 'state');
    fs.closeSync(descriptor);

    assert.equal(state, '3');
  });
});

// SPDX-License-Identifier: MIT
//
// What `hv ls` prints of a captured tree: the tree, the blocks of -v, the fields of the JSON form.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { deviceDetailJson, deviceJson } from '../../dist/cli/device-json.js';
import { busTree, deviceBlock } from '../../dist/cli/device-text.js';
import { glyphsFor } from '../../dist/cli/draw/glyphs.js';
import { makePaint } from '../../dist/cli/paint.js';
import { openBus } from '../../dist/index.js';
import { smallGuest, writeTree } from './cli-tree.js';

const tree = writeTree(smallGuest);
after(() => tree.remove());
const bus = openBus({ root: tree.root });
const style = (isUnicode: boolean, verbosity = 0) => ({
  paint: makePaint(false),
  glyphs: glyphsFor(isUnicode),
  verbosity,
});

test('the tree shows drivers, children and channels of every device', () => {
  const lines = busTree(bus, bus.devices(), style(true));

  assert.deepEqual(lines.slice(1), [
    '├─ heartbeat  [Heartbeat]',
    '│  ├─ no driver (hv_utils is made for it) · idle',
    '│  └─ channel 3 → CPU 0',
    '├─ avma1      [Reserved system device]',
    '│  ├─ no driver (Linux has none) · idle',
    '│  └─ channel 5 → CPU 0',
    '├─ scsi       Synthetic SCSI Controller',
    '│  ├─ hv_storvsc · open',
    '│  ├─ sda block',
    '│  └─ channel 9 → CPU 2',
    '└─ net        Synthetic network adapter',
    '   ├─ hv_netvsc · open',
    '   ├─ eth0 net',
    '   └─ 5 channels → CPUs 0-3',
  ]);
  assert.match(lines[0] ?? '', /^vmbus {2}4 devices, 8 channels, /);
});

test('the tree keeps its shape in ASCII', () => {
  const lines = busTree(bus, bus.devices(), style(false));

  assert.equal(lines[1], '|- heartbeat  [Heartbeat]');
  assert.equal(lines.at(-1), '   `- 5 channels -> CPUs 0-3');
  for (const line of lines) assert.match(line, /^[\x20-\x7e]*$/);
});

test('a verbose tree names every channel and the instance', () => {
  const lines = busTree(bus, [bus.device('eth0')], style(true, 1));

  assert.equal(lines.at(-1), '   └─ channels 14 → CPU 0, 15 → CPU 1, 16 → CPU 2, 17 → CPU 3, 18 → CPU 0');
  assert.equal(lines.at(-2), '   ├─ 1e3f7a60-6c1d-4f0e-9a57-000000000001');
});

test('a block says what -v promises: identity, driver, children, channels', () => {
  const lines = deviceBlock(bus.device('sda'), style(true, 1));

  assert.deepEqual(lines, [
    '    9 scsi  Synthetic SCSI Controller',
    '      device    2e3f7a60-6c1d-4f0e-9a57-000000000002',
    '      driver    hv_storvsc  open',
    '      block     sda',
    '      channels  9 → CPU 2  primary, hypercall',
  ]);
});

test('the JSON form of a device keeps its fields', () => {
  const fields = Object.keys(deviceJson(bus.device('eth0')));

  assert.deepEqual(fields, [
    'id',
    'class',
    'classGuid',
    'title',
    'relid',
    'state',
    'driver',
    'nativeDriver',
    'driverOverride',
    'numaNode',
    'monitorId',
    'uio',
    'children',
    'cpuMap',
    'path',
    'modalias',
    'vendor',
    'deviceIndex',
    'serverMonitor',
    'clientMonitor',
    'in',
    'out',
    'unreadable',
  ]);
});

test('the JSON form of a channel keeps its fields', () => {
  const { channels } = deviceDetailJson(bus.device('eth0')) as { channels: readonly Record<string, unknown>[] };

  assert.equal(channels.length, 5);
  assert.deepEqual(Object.keys(channels[0] ?? {}), [
    'relid',
    'primary',
    'subchannel',
    'cpu',
    'signalling',
    'monitorId',
    'interrupts',
    'events',
    'readAvail',
    'writeAvail',
    'inMask',
    'outMask',
    'pending',
    'latency',
    'intrInFull',
    'intrOutEmpty',
    'outFullFirst',
    'outFullTotal',
    'ring',
    'unreadable',
  ]);
});

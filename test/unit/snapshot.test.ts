// SPDX-License-Identifier: MIT
//
// A snapshot answers like the guest it was taken from, gives nobody's name away, and writes nowhere else.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import type { Device } from '../../dist/index.js';
import { captureSnapshot, detect, doctor, openBus } from '../../dist/index.js';
import { Redactor } from '../../dist/insight/snapshot/redactor.js';
import { TreeWriter } from '../../dist/insight/snapshot/tree-writer.js';
import { acpi, BusTree, balloonId, kvpId, netId, scsiId } from './bus-tree.js';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
/** A folder that does not exist yet. */
function fresh(): string {
  const parent = mkdtempSync(path.join(tmpdir(), 'vmbus-snapshot-'));
  folders.push(parent);
  return path.join(parent, 'capture');
}

/** A device as JSON, with its paths under the root. */
function plain(device: Device): unknown {
  return JSON.parse(JSON.stringify(device).replaceAll(`"${device.root}/`, '"/'));
}

function allFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

const allText = (folder: string): string =>
  allFiles(folder)
    .filter((file) => statSync(file).size < 65_536)
    .map((file) => readFileSync(file, 'latin1'))
    .join('\n');

describe('captureSnapshot', () => {
  let tree: BusTree;
  beforeEach(() => {
    tree = new BusTree();
    tree.device({ id: balloonId, className: 'balloon', relid: 1, driver: 'uio_hv_generic' });
    tree.uio(balloonId);
    tree.device({ id: netId, className: 'net', relid: 5, driver: 'hv_netvsc', monitorId: 3 });
    tree.net(netId, 'eth0');
    tree.device({ id: scsiId, className: 'scsi', relid: 3, driver: 'hv_storvsc', monitorId: 2 });
    tree.disk(scsiId, 'sda', '8');
    tree.device({ id: kvpId, className: 'kvp', relid: 9, driver: 'hv_utils' });
    tree.folder('sys/devices/virtual/misc/vmbus!hv_kvp');
    tree.link('sys/class/misc/vmbus!hv_kvp', 'sys/devices/virtual/misc/vmbus!hv_kvp');
    tree.write('proc/sys/kernel/hostname', 'secret-name.example\n');
    tree.write('proc/version', 'Linux version 6.12.107 (builder@secret-name) (gcc 14)\n');
    tree.write('proc/modules', 'hv_utils 61440 1 - Live 0xffffffffc0a1b000\n');
    tree.write(
      'proc/mounts',
      '/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /private/place xfs rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n',
    );
    tree.write('etc/os-release', 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nBUG_REPORT_URL="x"\n');
    tree.write('sys/class/dmi/id/sys_vendor', 'Microsoft Corporation\n');
    tree.write('sys/class/dmi/id/chassis_asset_tag', '0000-1234-SECRET\n');
    tree.write('sys/class/dmi/id/product_serial', 'SERIAL-4711\n');
  });
  afterEach(() => tree[Symbol.dispose]());

  it('gives the same devices, field by field', async () => {
    const folder = `${acpi}/${balloonId}`;
    for (const name of ['in_intr_mask', 'out_read_index'])
      symlinkSync('.unreadable:EINVAL', tree.path(`${folder}/${name}`));
    tree.write(`${folder}/channels/1/ring`, '');
    truncateSync(tree.path(`${folder}/channels/1/ring`), 4_194_304);

    const { to, devices } = await captureSnapshot(fresh(), { root: tree.root });
    const here = openBus({ root: tree.root });
    const there = openBus({ root: to });

    assert.equal(there.kind, 'snapshot');
    assert.equal(devices, 4);
    assert.deepEqual(there.devices().map(plain), here.devices().map(plain));
    assert.equal(there.hibernation, here.hibernation);
    const balloon = there.device('balloon');
    assert.deepEqual(balloon.unreadable, [
      { attribute: 'in_intr_mask', errno: 'EINVAL' },
      { attribute: 'out_read_index', errno: 'EINVAL' },
    ]);
    assert.equal(balloon.channels[0]?.ring?.sizeBytes, 4_194_304);
    assert.deepEqual(
      there
        .device('sda')
        .children.map(({ kind, name, title }) => [kind, name, title])
        .at(0),
      ['block', 'sda', 'Virtual Disk'],
    );
    assert.equal(there.device('kvp').children[0]?.name, 'vmbus/hv_kvp');
  });

  it('keeps the errno of an attribute that cannot be read', async () => {
    const file = tree.path(`${acpi}/${kvpId}/out_intr_mask`);
    const server = createServer().listen(file);
    await new Promise((resolve) => server.once('listening', resolve));

    const { to, unreadable } = await captureSnapshot(fresh(), { root: tree.root });
    server.close();

    assert.equal(unreadable, 1);
    assert.deepEqual(openBus({ root: to }).device('kvp').unreadable, [{ attribute: 'out_intr_mask', errno: 'ENXIO' }]);
  });

  it('can be captured again, and stays the same', async () => {
    symlinkSync('.unreadable:EACCES', tree.path(`${acpi}/${kvpId}/out_intr_mask`));
    const first = await captureSnapshot(fresh(), { root: tree.root });
    const second = await captureSnapshot(fresh(), { root: first.to });

    assert.deepEqual(
      openBus({ root: second.to }).devices().map(plain),
      openBus({ root: first.to }).devices().map(plain),
    );
  });

  it('lets the doctor and detect see what they saw', async () => {
    const { to } = await captureSnapshot(fresh(), { root: tree.root });
    const { root: _, rootKind: __, ...here } = detect({ root: tree.root });
    const { root: ___, rootKind: ____, ...there } = detect({ root: to });
    const answers = async (root: string) =>
      (await doctor({ root, only: ['integration-services', 'device-drivers', 'uio-binding'] })).results;

    assert.deepEqual({ ...there, platform: null }, { ...here, platform: null });
    assert.deepEqual(await answers(to), await answers(tree.root));
  });

  it('holds no MAC, host name, serial number or kernel address', async () => {
    tree.write(`${acpi}/${balloonId}/uio/uio0/maps/map1/addr`, '0xffff888012345000\n');
    tree.write(`${acpi}/${netId}/net/eth0/name`, 'card of secret-name at 00:15:5D:01:02:03, SERIAL-4711\n');
    tree.write(`${acpi}/${netId}/net/eth0/phys_port_id`, 'SERIAL-4711\n');

    const { to, replacements } = await captureSnapshot(fresh(), { root: tree.root });

    const text = allText(to);
    for (const secret of [
      /00:15:5d:01:02:03/i,
      /secret-name/i,
      /SERIAL-4711/,
      /0000-1234/,
      /\/private\/place/,
      /ffff888012345000/,
      /ffffffffc0a1b000/,
    ]) {
      assert.doesNotMatch(text, secret);
    }
    assert.ok(replacements >= 6);
    const mac = readFileSync(path.join(to, acpi, netId, 'net/eth0/address'), 'utf8').trim();
    assert.match(mac, /^02(:[0-9a-f]{2}){5}$/);
    assert.match(
      text,
      new RegExp(`card of host-[0-9a-f]{8} at ${mac}, serial-[0-9a-f]{8}`),
      'the same MAC is replaced by the same',
    );
    assert.match(
      readFileSync(path.join(to, acpi, balloonId, 'uio/uio0/maps/map1/addr'), 'utf8'),
      /^0xffff[0-9a-f]{12}\n$/,
    );
  });

  it('keeps what tells the system: kernel, modules, distribution, kinds of mounts', async () => {
    const { to } = await captureSnapshot(fresh(), { root: tree.root });
    const document = JSON.parse(readFileSync(path.join(to, 'snapshot.json'), 'utf8'));

    assert.deepEqual([document.schema, document.mounts], [1, { ext4: 1, xfs: 1, tmpfs: 1 }]);
    assert.equal(readFileSync(path.join(to, 'proc/sys/kernel/osrelease'), 'utf8'), '6.12.107+deb13-cloud-amd64\n');
    assert.equal(
      readFileSync(path.join(to, 'etc/os-release'), 'utf8'),
      'ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    );
    assert.equal(readFileSync(path.join(to, 'proc/modules'), 'utf8'), 'hv_utils 61440 1 - Live 0x0000000000000000\n');
  });

  it('refuses a folder that holds anything, and leaves it alone', async () => {
    const to = fresh();
    mkdirSync(to);
    writeFileSync(path.join(to, 'mine'), 'x');

    await assert.rejects(captureSnapshot(to, { root: tree.root }), { code: 'ERR_VMBUS_IN_USE' });
    assert.deepEqual(readdirSync(to), ['mine']);
  });

  it('refuses a place that cannot be a folder', async () => {
    const to = fresh();
    writeFileSync(to, 'x');

    await assert.rejects(captureSnapshot(to, { root: tree.root }), { code: 'ERR_VMBUS_SYSTEM', errnoName: 'EEXIST' });
  });

  it('follows no link out of the root, whoever put it there', async () => {
    const outside = fresh();
    mkdirSync(outside);
    writeFileSync(path.join(outside, 'name'), 'stolen\n');
    writeFileSync(path.join(outside, 'address'), 'stolen\n');
    tree.folder('sys/class/net');
    symlinkSync(outside, tree.path('sys/class/net/evil0'));
    symlinkSync(outside, tree.path(`${acpi}/${netId}/net/evil1`));
    symlinkSync('../../../../../../../../../../etc', tree.path(`${acpi}/${netId}/up`));

    const { to } = await captureSnapshot(fresh(), { root: tree.root });

    assert.doesNotMatch(allText(to), /stolen/);
    assert.equal(existsSync(path.join(to, 'sys/class/net/evil0')), false);
    assert.equal(readdirSync(path.join(to, acpi, netId)).includes('up'), false);
  });

  it('takes a root without a bus for what it is', async () => {
    const empty = fresh();
    mkdirSync(empty);

    const { to, devices } = await captureSnapshot(fresh(), { root: empty });

    assert.equal(devices, 0);
    assert.throws(() => openBus({ root: to }), { code: 'ERR_VMBUS_NOT_A_GUEST' });
  });

  it("ends with the signal's reason", async () => {
    const to = fresh();
    const reason = new Error('enough');
    await assert.rejects(
      captureSnapshot(to, { root: tree.root, signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    assert.equal(existsSync(to), false);
  });
});

describe('TreeWriter', () => {
  it('writes nowhere but in its folder', () => {
    const writer = new TreeWriter(fresh());

    for (const bad of ['../x', 'a/../../x', '/etc/x', 'a//b', '', 'a\0b']) {
      assert.throws(() => writer.text(bad, ''), { code: 'ERR_VMBUS_SYSTEM' }, bad);
    }
    writer.link('a/up', '../../outside');
    writer.link('a/absolute', '/etc');
    writer.link('a/fine', '../b');
    assert.deepEqual(readdirSync(path.join(writer.folder, 'a')), ['fine']);
  });

  it('never overwrites, and never writes through a link', () => {
    const writer = new TreeWriter(fresh());
    writer.text('a', 'x');
    symlinkSync('/tmp/never-written', path.join(writer.folder, 'b'));

    assert.throws(() => writer.text('a', 'y'), { code: 'EEXIST' });
    assert.throws(() => writer.text('b', 'y'), { code: 'EEXIST' });
    assert.equal(existsSync('/tmp/never-written'), false);
  });
});

describe('Redactor', () => {
  it('replaces the same name by the same within one snapshot, and by another in the next', () => {
    const one = new Redactor();
    const other = new Redactor();

    assert.equal(one.mac('00:15:5D:01:02:03'), one.mac('00:15:5d:01:02:03'));
    assert.notEqual(one.mac('00:15:5d:01:02:03'), one.mac('00:15:5d:01:02:04'));
    assert.notEqual(one.mac('00:15:5d:01:02:03'), other.mac('00:15:5d:01:02:03'));
  });

  it('leaves words alone that a name is only a part of', () => {
    const redactor = new Redactor();
    redactor.learn('host', 'debian');
    redactor.learn('host', 'web');

    assert.match(
      redactor.text('on debian: libdebian debian-kernel web'),
      /^on host-[0-9a-f]{8}: libdebian debian-kernel web$/,
    );
  });

  it('leaves addresses that name nobody', () => {
    assert.equal(new Redactor().text('00:00:00:00:00:00 ff:ff:ff:ff:ff:ff'), '00:00:00:00:00:00 ff:ff:ff:ff:ff:ff');
  });
});

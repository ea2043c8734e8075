// SPDX-License-Identifier: MIT
//
// What a guest sees of the simulated host's bus: binding through the write-only files, sysfs while a device is opened,
// closed and withdrawn, uevents, devices that come and go.

import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { dynamicMemory, echo, SimulatedHost } from '../../dist/host/index.js';
import { RawGuest, RawOpenError, UeventLog, writeAttribute } from './host-raw-guest.js';

const { EBUSY, EEXIST, EINVAL, ENODEV } = constants.errno;
const echoGuid = '6a3b0000-1111-2222-3333-000000000001';
const balloonGuid = '6a3b0000-1111-2222-3333-000000000002';
const echoClass = '6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f5';
const drivers = 'sys/bus/vmbus/drivers';
const uio = `${drivers}/uio_hv_generic`;

let host: SimulatedHost;
let uevents: UeventLog;

function read(entry: string): string {
  return readFileSync(join(host.root, entry), 'utf8');
}

function device(name: string, guid = echoGuid): string {
  return `sys/bus/vmbus/devices/${guid}/${name}`;
}

function has(entry: string): boolean {
  return existsSync(join(host.root, entry));
}

function write(entry: string, text: string): Promise<number> {
  return writeAttribute(host.root, entry, text);
}

/** Waits until the host has seen what happened on a socket: a write to any of its files is answered after that. */
async function settle(): Promise<void> {
  assert.equal(await write('sys/bus/vmbus/drivers_probe', 'nobody'), ENODEV);
}

async function start(
  options: { readonly bound?: boolean; readonly requireMonitor?: boolean; readonly cpus?: number } = {},
): Promise<void> {
  const devices = [echo({ instanceGuid: echoGuid }), dynamicMemory({ instanceGuid: balloonGuid })];
  host = await SimulatedHost.start({ devices, cpus: 4, ...options });
  uevents = await UeventLog.listen(host.root);
}

afterEach(async () => {
  uevents.close();
  await host.close();
});

describe('a host just started', () => {
  beforeEach(() => start());

  it('shows devices bound as a guest binds them: balloon to its driver, echo to none', () => {
    assert.equal(realpathSync(join(host.root, device('driver', balloonGuid))), join(host.root, drivers, 'hv_balloon'));
    assert.equal(has(device('driver')), false);
    assert.deepEqual(readdirSync(join(host.root, 'dev')), []);
    assert.equal(read(device('id')), '1\n');
    assert.equal(read(device('id', balloonGuid)), '2\n');
  });

  it('shows files as a guest has them', () => {
    assert.equal(
      readlinkSync(join(host.root, `sys/bus/vmbus/devices/${echoGuid}`)),
      `../../../devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/${echoGuid}`,
    );
    assert.equal(read('sys/bus/vmbus/hibernation'), '0\n');
    assert.equal(read('sys/bus/vmbus/drivers_autoprobe'), '1\n');
    assert.equal(read('sys/devices/system/cpu/online'), '0-3\n');
    assert.equal(read(device('driver_override')), '(null)\n');
    assert.equal(read(device('channel_vp_mapping')), '1:0\n');
    assert.equal(
      read(device('uevent', balloonGuid)),
      'DRIVER=hv_balloon\nMODALIAS=vmbus:dc7450528589e2468057a307dc18a502\n',
    );
    assert.equal(lstatSync(join(host.root, device('channels/1/cpu'))).mode & 0o777, 0o644);
    for (const name of ['bind', 'unbind', 'new_id', 'remove_id'])
      assert.equal(lstatSync(join(host.root, uio, name)).isSocket(), true);
  });

  it('says in run/vmbus/host.json who serves the folder', () => {
    const record = JSON.parse(read('run/vmbus/host.json'));

    assert.equal(record.schema, 1);
    assert.equal(record.pid, process.pid);
    assert.ok(!Number.isNaN(Date.parse(record.started)));
    assert.deepEqual(record.devices[0], { name: 'echo', classGuid: echoClass, instanceGuid: echoGuid, relid: 1 });
  });
});

describe('the folder of a bound device', () => {
  beforeEach(() => start({ bound: true }));

  it('has the files of a Linux guest, neither more nor fewer', () => {
    const list = (folder: string): string[] =>
      readdirSync(join(host.root, folder), { withFileTypes: true })
        .flatMap((entry) =>
          entry.isDirectory() ? list(`${folder}/${entry.name}`).map((name) => `${entry.name}/${name}`) : [entry.name],
        )
        .sort();

    const rings = ['in', 'out'].flatMap((side) =>
      ['intr_mask', 'read_bytes_avail', 'read_index', 'write_bytes_avail', 'write_index'].map(
        (name) => `${side}_${name}`,
      ),
    );
    const channel =
      'cpu events in_mask interrupts intr_in_full intr_out_empty out_full_first out_full_total out_mask read_avail ring';
    const maps = [0, 1, 2].flatMap((map) => ['addr', 'name', 'offset', 'size'].map((name) => `maps/map${map}/${name}`));
    assert.deepEqual(
      list(device('.')),
      [
        ...'channel_vp_mapping class_id device device_id driver driver_override id modalias numa_node state'.split(' '),
        ...'subsystem uevent vendor'.split(' '),
        ...rings,
        ...`${channel} subchannel_id write_avail`.split(' ').map((name) => `channels/1/${name}`),
        ...['dev', 'device', 'event', ...maps, 'name', 'subsystem', 'uevent', 'version'].map(
          (name) => `uio/uio0/${name}`,
        ),
      ].sort(),
    );
  });
});

describe('binding', () => {
  beforeEach(() => start());

  it('answers the errnos of the kernel', async () => {
    assert.equal(await write(`${uio}/bind`, echoGuid), ENODEV);
    assert.equal(await write(`${uio}/new_id`, 'no guid'), EINVAL);
    assert.equal(await write(`${uio}/remove_id`, echoClass), ENODEV);
    assert.equal(await write(`${uio}/new_id`, echoClass), 0);
    assert.equal(await write(`${uio}/new_id`, echoClass), EEXIST);
    assert.equal(await write(`${uio}/bind`, echoGuid), EBUSY);
    assert.equal(await write(`${drivers}/hv_balloon/unbind`, echoGuid), ENODEV);
    assert.equal(await write(`${uio}/unbind`, `${echoGuid}\n`), 0);
    assert.equal(await write(`${uio}/unbind`, echoGuid), ENODEV);
    assert.equal(await write(`${uio}/remove_id`, echoClass), 0);
    assert.equal(await write(`${uio}/bind`, echoGuid), ENODEV);
  });

  it('makes the node, the uio folder and the ring file, and unbinding removes them', async () => {
    await write(`${uio}/new_id`, echoClass);

    assert.equal(lstatSync(join(host.root, 'dev/uio0')).isSocket(), true);
    assert.equal(
      realpathSync(join(host.root, 'sys/class/uio/uio0')),
      realpathSync(join(host.root, device('uio/uio0'))),
    );
    assert.equal(read(device('uio/uio0/maps/map0/size')), '0x0000000000400000\n');
    assert.match(
      readlinkSync(join(host.root, device('channels/1/ring'))),
      new RegExp(`^/proc/${process.pid}/fd/\\d+$`),
    );
    assert.equal(readFileSync(join(host.root, device('channels/1/ring'))).length, 0x40_0000);

    await write(`${uio}/unbind`, echoGuid);

    for (const entry of [
      'dev/uio0',
      'sys/class/uio/uio0',
      device('uio'),
      device('channels/1/ring'),
      device('driver'),
    ]) {
      assert.equal(has(entry), false, entry);
    }
    assert.equal(has(device('channels/1/interrupts')), true);
  });

  it('takes a device from its driver by driver_override, and gives it back', async () => {
    assert.equal(await write(device('driver_override', balloonGuid), 'uio_hv_generic\n'), 0);
    assert.equal(await write(`${drivers}/hv_balloon/unbind`, balloonGuid), 0);
    assert.equal(await write('sys/bus/vmbus/drivers_probe', balloonGuid), 0);
    assert.equal(has('dev/uio0'), true);

    assert.equal(await write(`${uio}/unbind`, balloonGuid), 0);
    assert.equal(await write(device('driver_override', balloonGuid), '\n'), 0);
    assert.equal(await write(`${drivers}/hv_balloon/bind`, balloonGuid), 0);

    assert.equal(realpathSync(join(host.root, device('driver', balloonGuid))), join(host.root, drivers, 'hv_balloon'));
  });

  it('is announced as the kernel announces it', async () => {
    await write(`${uio}/new_id`, echoClass);
    await write(`${uio}/unbind`, echoGuid);
    await uevents.next((event) => event.ACTION === 'unbind');

    assert.deepEqual(uevents.summary, ['add uio', 'bind vmbus', 'remove uio', 'unbind vmbus']);
    const [added, bound, , unbound] = uevents.events;
    const path = `/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/${echoGuid}`;
    assert.equal(added?.header, `add@${path}/uio/uio0`);
    assert.equal(added?.DEVNAME, 'uio0');
    assert.equal(bound?.DRIVER, 'uio_hv_generic');
    assert.equal(bound?.DEVPATH, path);
    assert.equal(unbound?.MODALIAS, undefined);
    const numbers = uevents.events.map((event) => Number(event.SEQNUM));
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    );
  });
});

describe('binding on a kernel that requires a monitor', () => {
  beforeEach(() => start({ requireMonitor: true }));

  it('fails with 524 at bind and silently at new_id', async () => {
    assert.equal(await write(`${uio}/new_id`, echoClass), 0);
    assert.equal(has('dev/uio0'), false);
    assert.equal(await write(`${uio}/bind`, echoGuid), 524);
  });
});

describe('a device that is opened', () => {
  beforeEach(() => start({ bound: true }));

  it('shows state 3 and its rings while open, state 2 and their last words after', async () => {
    assert.equal(read(device('state')), '2\n');
    assert.equal(read(device('out_write_index')), '');

    const guest = await RawGuest.open(host.root);
    await settle();
    assert.equal(read(device('state')), '3\n');
    assert.equal(read(device('channels/1/write_avail')), '2093056\n');
    const channel = guest.primary();
    channel.trySend('eight by', { id: 1n });
    await channel.receive();
    host.refresh();
    assert.equal(read(device('out_write_index')), '32\n');
    assert.equal(read(device('in_write_index')), '32\n');
    assert.equal(read(device('channels/1/interrupts')), '1\n');
    assert.equal(read(device('channels/1/events')), '1\n');
    assert.equal(read(device('uio/uio0/event')), '1\n');

    await guest.close();
    await settle();
    assert.equal(read(device('state')), '2\n');
    assert.equal(read(device('out_write_index')), '32\n');
  });

  it('brings its attributes up to date by itself', async (t) => {
    const guest = await RawGuest.open(host.root);
    t.after(() => guest.close());
    guest.primary().trySend('eight by');

    while (read(device('out_write_index')) !== '32\n') await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('moves its interrupts to another CPU only while it is open, and only to one there is', async (t) => {
    const cpu = join(host.root, device('channels/1/cpu'));
    const becomes = async (text: string): Promise<void> => {
      while (readFileSync(cpu, 'utf8') !== text) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    writeFileSync(cpu, '2');
    await becomes('0\n');

    const guest = await RawGuest.open(host.root);
    t.after(() => guest.close());
    await settle();
    writeFileSync(cpu, '2');
    await becomes('2\n');
    assert.equal(read(device('channel_vp_mapping')), '1:2\n');
    writeFileSync(cpu, '4');
    await becomes('2\n');
  });

  it('ends for whoever holds it when it is unbound, and cannot be opened again, as after the kernel left it open', async () => {
    const guest = await RawGuest.open(host.root);

    assert.equal(await write(`${uio}/unbind`, echoGuid), 0);
    await guest.rescinded;
    await guest.close();

    assert.equal(read(device('state')), '3\n');
    assert.equal(await write(`${uio}/bind`, echoGuid), 0);
    await assert.rejects(RawGuest.open(host.root), (error) => error instanceof RawOpenError);
  });

  it('can be unbound and opened again when it was closed before', async () => {
    for (let round = 0; round < 3; round += 1) {
      const guest = await RawGuest.open(host.root);
      await guest.close();
      assert.equal(await write(`${uio}/unbind`, echoGuid), 0);
      assert.equal(read(device('state')), '2\n');
      assert.equal(await write(`${uio}/bind`, echoGuid), 0);
    }
  });

  it('refuses a second holder that wants it alone', async (t) => {
    const guest = await RawGuest.open(host.root);
    t.after(() => guest.close());

    await assert.rejects(RawGuest.open(host.root), { errno: constants.errno.EWOULDBLOCK });
  });

  it('ends for its holder when the node vanishes, while sysfs still shows it', async () => {
    const guest = await RawGuest.open(host.root);

    host.vanishNode('echo');
    await guest.rescinded;
    await guest.close();

    assert.equal(has('dev/uio0'), false);
    assert.equal(has(device('uio/uio0/name')), true);
    await assert.rejects(RawGuest.open(host.root), { errno: constants.errno.ENOENT });
    assert.equal(await write(`${uio}/unbind`, echoGuid), 0);
  });
});

describe('a device that is withdrawn', () => {
  beforeEach(() => start({ bound: true }));

  it('ends for its holder and leaves sysfs', async () => {
    const guest = await RawGuest.open(host.root);

    host.rescind('echo');
    await guest.rescinded;
    await guest.close();

    assert.equal(has(device('id')), false);
    assert.equal(has(`sys/bus/vmbus/devices/${echoGuid}`), false);
    assert.equal(has(`${uio}/${echoGuid}`), false);
    assert.equal(has('dev/uio0'), false);
    assert.deepEqual(
      host.devices.map(({ name }) => name),
      ['balloon'],
    );
    assert.equal(JSON.parse(read('run/vmbus/host.json')).devices.length, 1);
    await uevents.next((event) => event.DEVPATH === '/channels/1');
    assert.deepEqual(uevents.summary, ['remove uio', 'unbind vmbus', 'remove vmbus', 'remove channels']);
  });

  it('may be offered again under the same relid and minor, and is bound by its dynamic id', async () => {
    host.rescind(echoGuid);
    const again = host.add(echo({ instanceGuid: echoGuid }));

    assert.equal(again.relid, 1);
    assert.equal(again.driver, 'uio_hv_generic');
    const guest = await RawGuest.open(host.root);
    await guest.close();
    const path = `/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/${echoGuid}`;
    await uevents.next((event) => event.ACTION === 'add' && event.DEVPATH === `${path}/channels/1`);
    assert.deepEqual(uevents.summary.slice(-4), ['add vmbus', 'add uio', 'bind vmbus', 'add channels']);
  });

  it('is unknown afterwards', () => {
    host.rescind('echo');

    assert.throws(() => host.rescind('echo'), { code: 'ERR_VMBUS_NO_DEVICE' });
  });
});

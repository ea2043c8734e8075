// SPDX-License-Identifier: MIT
// Proves the bus against a real kernel: what it reads, what it binds, and that everything goes back.
// Comes last in a shared guest: it moves the balloon between drivers.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import {
  bindDevice,
  type Device,
  deviceUses,
  kernelVersion,
  listBindings,
  moveChannel,
  openBus,
  restoreDevice,
  restoreStale,
} from '../../../dist/bus/index.js';
import { VmbusError } from '../../../dist/errors.js';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import {
  attribute,
  attributeOrError,
  balloonDevice,
  driverOf,
  isFullSize,
  isLoaded,
  kernelLog,
  kernelName,
  loadModule,
} from './support/guest.js';

const raw = balloonDevice();
const hasUio = KERNELS_WITH_SLOW_UIO.includes(kernelName());
const balloon = (): Device => openBus({ root: '/' }).device('balloon');
/** A process takes seconds to start in an emulated guest. */
const inFullSizeOnly = !isFullSize() && 'only in the full size: it starts processes';
const override = (): string => attribute(raw.folder, 'driver_override');

const withCode =
  (code: string, pattern = /./) =>
  (error: unknown): boolean => {
    assert.ok(VmbusError.is(error), String(error));
    assert.equal(error.code, code);
    assert.match(`${error.message} ${error.hint}`, pattern);
    return true;
  };

/** Device attributes that the library gives as they are, and how the kernel prints them. */
const printed: readonly (readonly [file: string, value: (device: Device) => unknown, base?: 16])[] = [
  ['id', (d) => d.relid],
  ['state', (d) => d.state],
  ['vendor', (d) => d.vendor, 16],
  ['device', (d) => d.deviceIndex, 16],
  ['numa_node', (d) => d.numaNode],
  ['monitor_id', (d) => d.monitorId],
  ['modalias', (d) => d.modalias],
  ['class_id', (d) => `{${d.class.guid}}`],
  ['device_id', (d) => `{${d.id}}`],
  ['channel_vp_mapping', (d) => d.cpuMap.map(({ relid, cpu }) => `${relid}:${cpu}`).join('\n')],
  ...(['in', 'out'] as const).flatMap((side) => [
    [`${side}_intr_mask`, (d: Device) => d[side].interruptMask] as const,
    [`${side}_read_index`, (d: Device) => d[side].readIndex] as const,
    [`${side}_write_index`, (d: Device) => d[side].writeIndex] as const,
    [`${side}_read_bytes_avail`, (d: Device) => d[side].readBytesAvail] as const,
    [`${side}_write_bytes_avail`, (d: Device) => d[side].writeBytesAvail] as const,
  ]),
];

/** Checks every field against its file: the value, or null and the errno. */
function compareWithSysfs(device: Device): void {
  for (const [file, value, base] of printed) {
    const text = attributeOrError(raw.folder, file);
    if (text === 'ENOENT') assert.equal(value(device), null, file);
    else if (/^E[A-Z]+$/.test(text)) {
      assert.equal(value(device), null, file);
      assert.deepEqual(device.unreadable.find((entry) => entry.attribute === file)?.errno, text, file);
    } else assert.equal(base === 16 ? `0x${Number(value(device)).toString(16)}` : String(value(device)), text, file);
  }
  const files: Readonly<Record<string, string>> = {
    cpu: 'cpu',
    subchannelId: 'subchannel_id',
    inMask: 'in_mask',
    outMask: 'out_mask',
    readAvail: 'read_avail',
    writeAvail: 'write_avail',
    pending: 'pending',
    latency: 'latency',
    monitorId: 'monitor_id',
    interrupts: 'interrupts',
    events: 'events',
    intrInFull: 'intr_in_full',
    intrOutEmpty: 'intr_out_empty',
    outFullFirst: 'out_full_first',
    outFullTotal: 'out_full_total',
  };
  const [channel] = device.channels;
  assert.ok(channel);
  for (const [field, file] of Object.entries(files)) {
    const text = attributeOrError(raw.channel, file);
    const value: unknown = (channel as unknown as Record<string, unknown>)[field];
    if (/^E[A-Z]+$/.test(text)) assert.equal(value, null, file);
    else assert.equal(String(value), text, file);
    const marked: string | undefined = channel.unreadable.find((entry) => entry.attribute === file)?.errno;
    assert.equal(marked, /^E(?!NOENT)[A-Z]+$/.test(text) ? text : undefined, file);
  }
}

describe('a bus with one idle device', () => {
  test('is read field by field as the kernel shows it', () => {
    const bus = openBus({ root: '/' });
    const devices = bus.devices();

    assert.equal(bus.kind, 'guest');
    assert.equal(bus.hibernation, attribute('/sys/bus/vmbus', 'hibernation') === '1');
    assert.deepEqual(
      devices.map((device) => device.id),
      fs.readdirSync('/sys/bus/vmbus/devices'),
    );
    const [device] = devices;
    assert.ok(device);
    assert.deepEqual(
      [device.class.name, device.driver, device.driverOverride, device.uio, device.stateName],
      ['balloon', null, null, null, 'idle'],
    );
    assert.equal(device.path, fs.realpathSync(raw.folder));
    compareWithSysfs(device);
  });

  test('is read without privilege, too', () => {
    assert.ok(process.seteuid);
    process.seteuid(65534);
    try {
      compareWithSysfs(balloon());
      assert.equal(balloon().channels.length, 1);
    } finally {
      process.seteuid(0);
    }
  });

  test('tells the true version of its kernel', () => {
    const { upstream, release } = kernelVersion('/');

    assert.equal(release, fs.readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim());
    assert.ok(upstream?.join('.').startsWith(`${kernelName()}.`), upstream?.join('.'));
    assert.ok((upstream?.[2] ?? 0) > 0, 'a patch level of 0 is a distribution hiding it');
  });

  test('does not let a channel move: VMBus 4.0 has no word for it, and that is said', async () => {
    await assert.rejects(moveChannel(balloon(), 1, { cpu: 1 }), (error: unknown) => {
      assert.ok(VmbusError.is(error));
      assert.deepEqual([error.code, error.errnoName, error.facts.reason], ['ERR_VMBUS_SYSTEM', 'EIO', 'protocol']);
      return /4\.0/.test(error.message);
    });
  });
});

describe('without uio_hv_generic', () => {
  test('binding names the module to load, and changes nothing', async () => {
    assert.equal(isLoaded('uio_hv_generic'), false);

    await assert.rejects(bindDevice(balloon()), withCode('ERR_VMBUS_MODULE_MISSING', /modprobe uio_hv_generic/));

    assert.deepEqual([driverOf(raw), override(), listBindings('/')], [undefined, '(null)', []]);
  });
});

describe('on a kernel that refuses channels without a monitor', {
  skip: hasUio && 'this kernel takes such channels',
}, () => {
  before(() => loadModule('uio_hv_generic'));

  test('binding explains errno 524 and names the kernels that can, and changes nothing', async () => {
    await assert.rejects(bindDevice(balloon()), (error: unknown) => {
      assert.ok(VmbusError.is(error));
      assert.deepEqual([error.code, error.errno, error.errnoName], ['ERR_VMBUS_BIND_REFUSED', 524, 'ENOTSUPP']);
      return /monitor/.test(error.message) && /6\.12/.test(error.message);
    });
    assert.deepEqual([driverOf(raw), override(), listBindings('/')], [undefined, '(null)', []]);
  });

  test('its own driver gets the device back', async () => {
    loadModule('hv_balloon');
    assert.equal(driverOf(raw), 'hv_balloon');
    await assert.rejects(bindDevice(balloon()), withCode('ERR_VMBUS_BIND_REFUSED'));

    assert.deepEqual([driverOf(raw), override(), listBindings('/')], ['hv_balloon', '(null)', []]);
  });
});

describe('on a kernel that takes any channel', {
  skip: !hasUio && 'this kernel refuses channels without a monitor',
}, () => {
  before(() => loadModule('uio_hv_generic'));

  test('a dry run says what would be done, and does nothing', async () => {
    const binding = await bindDevice(balloon(), { dryRun: true });

    assert.deepEqual(
      binding.steps.map((step) => step.what),
      ['reserve the device for uio_hv_generic', 'bind to uio_hv_generic'],
    );
    assert.deepEqual([driverOf(raw), override(), listBindings('/')], [undefined, '(null)', []]);
  });

  test('a device is bound until it is disposed, and can be opened at once', async () => {
    {
      await using binding = await bindDevice(balloon());
      const { driver, uio } = balloon();

      assert.deepEqual([driver, binding.previousDriver, override()], ['uio_hv_generic', null, 'uio_hv_generic']);
      assert.ok(uio);
      assert.equal(uio.maps[0]?.sizeBytes, 4 * 2 ** 20);
      assert.equal(fs.statSync(uio.node).isCharacterDevice(), true);
      assert.equal(balloon().channels[0]?.ring?.sizeBytes, 4 * 2 ** 20);
    }
    assert.deepEqual([driverOf(raw), override(), listBindings('/')], [undefined, '(null)', []]);
  });

  test('its rings are read field by field while it is open, and it is not given back then, whatever the force', async () => {
    const binding = await bindDevice(balloon());
    const node = balloon().uio?.node ?? '';
    const descriptor = fs.openSync(node, 'r+');
    try {
      assert.equal(balloon().stateName, 'open');
      compareWithSysfs(balloon());
      assert.deepEqual(
        deviceUses(balloon()).map((use) => [use.kind, use.forceable]),
        [['node-open', false]],
      );
      await assert.rejects(
        binding.restore({ force: true }),
        withCode('ERR_VMBUS_IN_USE', new RegExp(`pid ${process.pid}`)),
      );
      assert.equal(driverOf(raw), 'uio_hv_generic');
    } finally {
      fs.closeSync(descriptor);
    }
    assert.equal((await binding.restore()).driver, null);
  });

  test('a device of another driver goes back to it, working', async () => {
    loadModule('hv_balloon');
    assert.equal(driverOf(raw), 'hv_balloon');
    {
      await using binding = await bindDevice(balloon());
      assert.deepEqual([driverOf(raw), binding.previousDriver], ['uio_hv_generic', 'hv_balloon']);
    }
    assert.deepEqual([driverOf(raw), override(), attribute(raw.folder, 'state')], ['hv_balloon', '(null)', '3']);
  });

  test('a device bound by hand, without a record, goes to the driver made for it', async () => {
    fs.writeFileSync(path.join(raw.folder, 'driver_override'), 'uio_hv_generic');
    fs.writeFileSync('/sys/bus/vmbus/drivers/hv_balloon/unbind', raw.guid);
    fs.writeFileSync('/sys/bus/vmbus/drivers/uio_hv_generic/bind', raw.guid);

    assert.equal((await restoreDevice(balloon())).driver, 'hv_balloon');
    assert.equal(override(), '(null)');
  });

  test('a watch sees binding and giving back, with the files that come late', async () => {
    await using bus = openBus({ root: '/' });
    const changes = bus.watch();
    const fields: string[] = [];
    const binding = await bindDevice(balloon());
    await until(
      changes,
      fields,
      () => bus.device('balloon').uio !== null && fields.includes('uio') && fields.includes('ring'),
    );
    fields.length = 0;
    await binding.restore();
    await until(changes, fields, () => fields.includes('driver') && driverOf(raw) === 'hv_balloon');

    assert.equal(balloon().uio, null);
  });

  for (const [how, expected] of [
    ['process.kill(process.pid, "SIGTERM")', [null, 'SIGTERM']],
    ['process.kill(process.pid, "SIGINT")', [null, 'SIGINT']],
    ['process.exit(9)', [9, null]],
    ['throw new Error("on purpose")', [1, null]],
  ] as const) {
    const skip = !how.includes('SIGTERM') && inFullSizeOnly;
    test(`a device is back before its process has ended by ${how}`, { skip }, async () => {
      const { ended } = await childWithBinding(how);

      assert.deepEqual(await ended, expected);
      assert.deepEqual([driverOf(raw), override(), listBindings('/')], ['hv_balloon', '(null)', []]);
    });
  }

  test('a device whose process ends with the node open is back shortly after', { skip: inFullSizeOnly }, async () => {
    const { ended } = await childWithBinding('openSync(openBus().device("balloon").uio.node, "r+"); process.exit(0)');
    await ended;
    await settled(() => listBindings('/').length === 0); // the record goes last

    assert.equal(driverOf(raw), 'hv_balloon');
  });

  test('a device whose process was killed is found and given back', { skip: inFullSizeOnly }, async () => {
    const { child, ended } = await childWithBinding('setInterval(() => {}, 1000)');
    child.kill('SIGKILL');
    await ended;
    assert.deepEqual([driverOf(raw), listBindings('/')[0]?.stale], ['uio_hv_generic', true]);
    await restoreStale('/');

    assert.deepEqual([driverOf(raw), override(), listBindings('/')], ['hv_balloon', '(null)', []]);
  });

  test('a device of a killed process comes back at its deadline', { skip: inFullSizeOnly }, async () => {
    const { child, ended } = await childWithBinding('setInterval(() => {}, 1000)', '{ rollbackAfterMs: 1500 }');
    child.kill('SIGKILL');
    await ended;
    await settled(() => listBindings('/').length === 0); // the record goes last

    assert.equal(driverOf(raw), 'hv_balloon');
  });
});

after(() => {
  assert.doesNotMatch(kernelLog(), /BUG:|Oops|WARNING:|Call Trace/);
});

async function until(
  changes: AsyncIterator<{ readonly fields: readonly string[] }>,
  fields: string[],
  isDone: () => boolean,
): Promise<void> {
  while (!isDone()) {
    const { value, done } = await changes.next();
    assert.notEqual(done, true);
    fields.push(...value.fields);
  }
}

/** A process that binds the balloon, says so, and goes on as told. */
async function childWithBinding(
  then: string,
  options = '{}',
): Promise<{ child: ChildProcess; ended: Promise<unknown[]> }> {
  const code = `import { openSync } from 'node:fs';
    import { bindDevice, openBus } from '/app/dist/bus/index.js';
    await bindDevice(openBus().device('balloon'), ${options});
    process.stdout.write('bound');
    process.stdin.once('data', () => { ${then} });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'close');
  assert.ok(child.stdout && child.stdin);
  const [said] = await Promise.race([once(child.stdout, 'data'), ended]);
  assert.equal(String(said), 'bound');
  child.stdin.write('go');
  return { child, ended };
}

/** Awaits what another process does; there is no event for it here. */
async function settled(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 20));
}

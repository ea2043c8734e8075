// SPDX-License-Identifier: MIT
// Proves the command in a real guest, as its users call it: what `hv` prints is what the kernel and the host say.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import {
  attributeOrError,
  balloonDevice,
  driverOf,
  isFullSize,
  kernelName,
  loadModule,
  unloadModule,
} from './support/guest.js';

const MAIN = path.resolve(import.meta.dirname, '../../../dist/cli/main.js');
const raw = balloonDevice();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vmbus-command-'));
const takesSlowChannels = kernelName() !== '6.1';
/** A command takes seconds to start on an emulated processor; what these show is proven by the library's suites, too. */
const inFullSizeOnly = { skip: !isFullSize() && 'only in the full size: it starts processes' };

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function hv(...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout, stderr });
    });
  });
}

async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const ran = await hv(...args, '--json');
  assert.equal(ran.status, 0, ran.stderr);
  return JSON.parse(ran.stdout) as Record<string, unknown>;
}

/** The one entry of a list. */
function only(list: unknown): Record<string, unknown> {
  assert.ok(Array.isArray(list) && list.length === 1);
  return list[0] as Record<string, unknown>;
}

/** A number as sysfs has it; null where the kernel has no such file or no value. */
function number(where: string, name: string): number | null {
  const text = attributeOrError(where, name);
  return /^E[A-Z]+$/.test(text) ? null : Number(text);
}

after(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('hv ls --json', () => {
  // Once for all tests.
  let listed: Record<string, unknown>;
  before(async () => {
    listed = await json('ls');
  });

  test('says of the device what sysfs says', () => {
    const device = only(listed.devices);

    assert.equal(device.id, raw.guid);
    assert.equal(`{${String(device.classGuid)}}`, attributeOrError(raw.folder, 'class_id'));
    for (const [field, name] of [
      ['relid', 'id'],
      ['vendor', 'vendor'],
      ['deviceIndex', 'device'],
      ['numaNode', 'numa_node'],
      ['monitorId', 'monitor_id'],
    ] as const)
      assert.equal(device[field], number(raw.folder, name), name);
    assert.equal(device.modalias, attributeOrError(raw.folder, 'modalias'));
    assert.equal(device.driver, driverOf(raw) ?? null);
    const ring = (side: string) => ({
      interruptMask: number(raw.folder, `${side}_intr_mask`),
      readIndex: number(raw.folder, `${side}_read_index`),
      writeIndex: number(raw.folder, `${side}_write_index`),
      readBytesAvail: number(raw.folder, `${side}_read_bytes_avail`),
      writeBytesAvail: number(raw.folder, `${side}_write_bytes_avail`),
    });
    assert.deepEqual([device.in, device.out], [ring('in'), ring('out')]);
  });

  test('says of the channel what sysfs says', () => {
    const channel = only(only(listed.devices).channels);

    assert.equal(String(channel.relid), path.basename(raw.channel));
    const files = {
      subchannel: 'subchannel_id',
      cpu: 'cpu',
      monitorId: 'monitor_id',
      interrupts: 'interrupts',
      events: 'events',
      readAvail: 'read_avail',
      writeAvail: 'write_avail',
      inMask: 'in_mask',
      outMask: 'out_mask',
      pending: 'pending',
      latency: 'latency',
      intrInFull: 'intr_in_full',
      intrOutEmpty: 'intr_out_empty',
      outFullFirst: 'out_full_first',
      outFullTotal: 'out_full_total',
    };
    for (const [field, name] of Object.entries(files)) assert.equal(channel[field], number(raw.channel, name), name);
  });

  test('is the same from a snapshot', inFullSizeOnly, async () => {
    const to = path.join(folder, 'capture');
    assert.equal((await hv('snapshot', to)).status, 0);

    const { root: here, kind: guest, ...now } = listed;
    const { root: there, kind: snapshot, ...then } = await json('ls', '--root', to);

    assert.deepEqual([here, guest, there, snapshot], ['/', 'guest', to, 'snapshot']);
    assert.deepEqual(then, now);
  });
});

describe('hv info', () => {
  test('reports the build of Hyper-V that QEMU presents', inFullSizeOnly, async () => {
    const ran = await hv('info');

    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /10\.0\.14393/);
  });
});

describe('hv bind', () => {
  before(() => loadModule('uio_hv_generic'));
  after(() => unloadModule('uio_hv_generic'));

  test('says what it would do, and does nothing', async () => {
    const ran = await hv('bind', 'balloon', '--dry-run');

    assert.equal(ran.status, 0, ran.stderr);
    assert.equal(driverOf(raw), undefined);
  });

  test('lends the device to a command and takes it back', {
    skip: takesSlowChannels ? false : 'this kernel refuses slow channels',
  }, async () => {
    const ran = await hv('bind', 'balloon', '--', 'sh', '-c', `basename $(readlink ${raw.folder}/driver); exit 7`);

    assert.match(ran.stdout, /uio_hv_generic/);
    assert.equal(ran.status, 7, ran.stderr);
    assert.equal(driverOf(raw), undefined);
  });

  test('explains errno 524 and names the next step', {
    skip: takesSlowChannels ? 'this kernel takes slow channels' : false,
  }, async () => {
    const ran = await hv('bind', 'balloon', '--json');

    assert.equal(ran.status, 1);
    const { error } = JSON.parse(ran.stderr) as { error: Record<string, unknown> };
    assert.equal(error.code, 'ERR_VMBUS_BIND_REFUSED');
    assert.equal(error.errno, 524);
    assert.match(String(error.hint), /6\.12/);
    assert.equal(driverOf(raw), undefined);
  });
});

describe('hv selftest', () => {
  test('writes a report and comes to an end', async () => {
    const report = path.join(folder, 'report.json');

    const tested = await hv('selftest', '--report', report);

    assert.ok([0, 1].includes(tested.status), tested.stderr);
    assert.equal(typeof JSON.parse(fs.readFileSync(report, 'utf8')), 'object');
  });
});

describe('hv doctor', () => {
  test('comes to an end', inFullSizeOnly, async () => {
    const diagnosed = await hv('doctor');

    assert.ok([0, 1].includes(diagnosed.status), diagnosed.stderr);
  });
});

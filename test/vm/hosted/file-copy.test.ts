// SPDX-License-Identifier: MIT
//
// Files for a guest through the distribution's own file copy daemon: over /dev/vmbus/hv_fcopy on old kernels, and on new ones
// over uio_hv_generic, where the daemon's ring code is the kernel tree's.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { fcopy } from '../../../dist/host/index.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize, kernel } from './host-world.js';

const patient = { timeoutMs: 120_000 };
const hasDevice = kernel === '6.1';
const bytes = (isFullSize ? 8 : 1) * 1024 * 1024 + 5;
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

const files = fcopy();
let world: HostWorld;
/** Why there is nothing to talk to; undefined where there is. */
let reason: string | undefined;

before(async () => {
  world = await bootWorld({
    devices: [files],
    modules: [hasDevice ? 'hv_utils' : 'uio_hv_generic'],
  });
  const daemon = hasDevice ? 'hv_fcopy_daemon' : 'hv_fcopy_uio_daemon';
  if ((await world.machine.run(`command -v ${daemon}`)).status !== 0) {
    reason = `the distribution has no ${daemon} for this kernel`;
    return;
  }
  // Some kernels' uio_hv_generic takes the device by itself; else this is what driverctl does on an installed system.
  const isBound = 'ls /sys/bus/vmbus/devices/*/uio > /dev/null 2>&1';
  if (!hasDevice) await sh(`${isBound} || echo ${files.classGuid} > /sys/bus/vmbus/drivers/uio_hv_generic/new_id`);
  world.machine.start(`${daemon} -n`);
  await files.ready(patient);
  if (hasDevice) await registered(daemon);
});
after(async () => endWorld(world));

/** This kernel agrees on versions with the host before it has a daemon, and fails what comes until then. */
async function registered(daemon: string): Promise<void> {
  await sh(`until ls -l /proc/$(pidof ${daemon})/fd 2> /dev/null | grep -q hv_fcopy; do sleep 0.1; done`);
  // Open is not registered; only an answer tells.
  for (let isThere = false; !isThere; ) {
    isThere = await files.send(Buffer.from('probe\n'), { path: '/tmp', name: 'probe', overwrite: true }).then(
      () => true,
      (error: { code?: string }) => {
        if (error.code !== 'ERR_VMBUS_REFUSED') throw error;
        return false;
      },
    );
  }
}

const sh = async (command: string): Promise<string> => (await world.machine.must(command)).trim();

describe('the file copy daemon', () => {
  it('writes a file of many pieces, in folders that it makes', async (t) => {
    if (reason !== undefined) return t.skip(reason);
    const data = randomBytes(bytes);
    const sent = await files.send(data, { path: '/var/tmp/a/b', name: 'file', createPath: true });
    assert.equal(sent, data.length);
    assert.equal((await sh('sha256sum < /var/tmp/a/b/file')).split(' ')[0], sha256(data));
  });

  it('replaces a file only when told to', async (t) => {
    if (reason !== undefined) return t.skip(reason);
    const place = { path: '/tmp', name: 'once' };
    await files.send(Buffer.from('first\n'), place);
    await assert.rejects(files.send(Buffer.from('second\n'), place), (error: { code?: string; facts?: object }) => {
      assert.equal(error.code, 'ERR_VMBUS_REFUSED');
      assert.ok(JSON.stringify(error.facts).includes('fileExists'), JSON.stringify(error.facts));
      return true;
    });
    assert.equal(await sh('cat /tmp/once'), 'first');
    await files.send(Buffer.from('second\n'), { ...place, overwrite: true });
    assert.equal(await sh('cat /tmp/once'), 'second');
  });

  // The kernel tree's daemon for uio_hv_generic leaves what it has of the file.
  it('forgets a file that the host gives up, and takes the next', async (t) => {
    if (reason !== undefined) return t.skip(reason);
    const control = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(6144).fill(1);
      control.abort();
      yield new Uint8Array(6144).fill(2);
    }
    const given = files.send(endless(), {
      path: '/tmp',
      name: 'given-up',
      sizeBytes: 12_288,
      signal: control.signal,
    });
    await assert.rejects(given, { name: 'AbortError' });
    await files.send(Buffer.from('next\n'), { path: '/tmp', name: 'next' });
    assert.equal(await sh('cat /tmp/next'), 'next');
    if (hasDevice) assert.notEqual((await world.machine.run('test -e /tmp/given-up')).status, 0);
  });
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});

// SPDX-License-Identifier: MIT
// Proves what a script sees when its device is unbound under it, which is how a withdrawn device looks from user space.
// Gets a boot of its own, because the kernel can't open the channel again after that.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { openBus, openChannel } from '../../../dist/index.js';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import { readVersionResponse, sendVersionRequest, VERSION_ACCEPTED } from './support/balloon-greeting.js';
import { balloonDevice, bindToUio, driverFile, kernelLog, kernelName } from './support/guest.js';

const takesChannel = KERNELS_WITH_SLOW_UIO.includes(kernelName());

describe('a device that is unbound while it is open', {
  skip: !takesChannel && 'this kernel refuses channels without a monitor',
}, () => {
  test('ends a loop that waits with ERR_VMBUS_RESCINDED, and the process lives on', async () => {
    bindToUio();
    const channel = await openChannel(openBus({ root: '/' }).device('balloon'));
    await sendVersionRequest(channel);
    assert.equal(await readVersionResponse(channel), VERSION_ACCEPTED);
    const loop = (async () => {
      for await (const _ of channel);
    })();

    fs.writeFileSync(driverFile('uio_hv_generic', 'unbind'), balloonDevice().guid);

    await assert.rejects(loop, { code: 'ERR_VMBUS_RESCINDED', channel: channel.relid });
    assert.equal((await channel.closed).by, 'rescind');
    await assert.rejects(channel.send(new Uint8Array(8)), { code: 'ERR_VMBUS_RESCINDED' });
    await channel.close();
    const held = fs.readdirSync('/proc/self/fd').map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return ''; // readdir's own
      }
    });
    assert.deepEqual(
      held.filter((target) => target.includes('uio')),
      [],
    );
    assert.doesNotMatch(fs.readFileSync('/proc/self/maps', 'utf8'), /uio\d/);
  });

  test('leaves nothing for the kernel to complain about', () => {
    assert.doesNotMatch(kernelLog(), /BUG:|Oops|WARNING:|Call Trace/);
  });
});

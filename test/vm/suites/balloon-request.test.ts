// SPDX-License-Identifier: MIT
// Proves that a request of the host reaches JavaScript, and that a script that owns no pages gives none.
// Slow: QEMU's hv-balloon holds every target back for 50 seconds after the greeting.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bindDevice, type DeviceBinding, openBus, openMemory } from '../../../dist/index.js';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import { kernelName, loadModule } from './support/guest.js';
import { type HostMonitor, openHostMonitor } from './support/qmp.js';

const takesChannel = KERNELS_WITH_SLOW_UIO.includes(kernelName());
const mib = 2 ** 20;

describe("a target of QEMU's host", { skip: !takesChannel && 'this kernel refuses channels without a monitor' }, () => {
  let binding: DeviceBinding;
  let monitor: HostMonitor;
  before(async () => {
    loadModule('uio_hv_generic');
    binding = await bindDevice(openBus({ root: '/' }).device('balloon'));
    monitor = await openHostMonitor();
  });
  after(async () => {
    await monitor.close();
    await binding.restore();
  });
  const actual = async (): Promise<number> =>
    ((await monitor.qmp.execute('query-balloon')) as { actual: number }).actual;

  test('arrives as a request, is answered with nothing, and changes nothing; the next one arrives too', async () => {
    const asked: number[] = [];
    await using memory = await openMemory(openBus({ root: '/' }).device('balloon'), {
      onBalloon: ({ pageCount }) => {
        asked.push(pageCount);
        return [];
      },
    });
    const requests = memory.requests();
    const full = await actual();

    await monitor.qmp.execute('balloon', { value: full - 8 * mib });
    const first = await requests.next();
    assert.deepEqual(first.value, { kind: 'balloon', askedPages: 2048, givenPages: 0 });
    assert.equal(await actual(), full);

    await monitor.qmp.execute('balloon', { value: full - 16 * mib });
    const second = await requests.next();
    assert.deepEqual(second.value, { kind: 'balloon', askedPages: 4096, givenPages: 0 });
    assert.equal(await actual(), full);
    assert.deepEqual([asked, memory.borrowedPages], [[2048, 4096], 0]);
  });
});

// SPDX-License-Identifier: MIT
// Proves dynamic memory against a host that we did not write: QEMU's hv-balloon, asked by its own monitor what it has heard.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  bindDevice,
  type DeviceBinding,
  type MemoryService,
  openBus,
  openMemory,
  readMemoryFigures,
} from '../../../dist/index.js';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import { kernelName, loadModule, unloadModule } from './support/guest.js';
import { type HostMonitor, openHostMonitor, QmpError } from './support/qmp.js';

const takesChannel = KERNELS_WITH_SLOW_UIO.includes(kernelName());

interface HostReport {
  readonly available: number;
  readonly committed: number;
}

describe("dynamic memory with QEMU's host", {
  skip: !takesChannel && 'this kernel refuses channels without a monitor',
}, () => {
  let binding: DeviceBinding;
  let monitor: HostMonitor;
  const open = (options = {}): Promise<MemoryService> =>
    openMemory(openBus({ root: '/' }).device('balloon'), { reportIntervalMs: 0, ...options });
  const heard = async (): Promise<HostReport> =>
    (await monitor.qmp.execute('query-hv-balloon-status-report')) as HostReport;
  /** The event of a report with these figures; QEMU tells at most one a second, so others may be left out. */
  const reported = (pages: number): Promise<unknown> =>
    monitor.qmp.event('HV_BALLOON_STATUS_REPORT', (data) => data.available === pages * 4096);

  before(async () => {
    loadModule('uio_hv_generic');
    binding = await bindDevice(openBus({ root: '/' }).device('balloon'));
    monitor = await openHostMonitor();
  });
  after(async () => {
    await monitor.close();
    await binding.restore();
    unloadModule('uio_hv_generic');
  });

  test('is agreed on in its newest version, and a host that wants reports says so', async () => {
    await using memory = await open();

    assert.equal(memory.inspect().version, '2.0');
    assert.deepEqual(memory.inspect().host, { hotRemove: true, suppressReports: false });
  });

  test('has no report at the host before one was sent', async () => {
    await using _memory = await open();

    await assert.rejects(
      heard(),
      (error) => error instanceof QmpError && /no guest memory status report/.test(error.message),
    );
  });

  test('brings a report to the host, byte for byte', async () => {
    await using memory = await open();

    const event = reported(1000);
    await memory.report({ availablePages: 1000, committedPages: 2000 });
    await event;

    assert.deepEqual(await heard(), { available: 4_096_000, committed: 8_192_000 });
  });

  test('brings figures of this very guest, if none are given', async () => {
    await using memory = await open();
    const before = readMemoryFigures();

    const sent = await memory.report();
    await reported(sent.availablePages);
    const { available, committed } = await heard();

    assert.deepEqual([available, committed], [sent.availablePages * 4096, sent.committedPages * 4096]);
    assert.ok(
      Math.abs(sent.committedPages - before.committedPages) < 65_536,
      'within 256 MiB of what was read just before',
    );
  });

  test('reports by itself, again and again', async () => {
    let round = 0;
    const figures = (): { availablePages: number; committedPages: number } => {
      round += 1;
      return { availablePages: 5000 + round, committedPages: 7 };
    };
    await using memory = await open({ reportIntervalMs: 50, figures });

    const first = await monitor.qmp.event('HV_BALLOON_STATUS_REPORT', ({ committed }) => committed === 7 * 4096);
    const second = await monitor.qmp.event('HV_BALLOON_STATUS_REPORT', ({ committed }) => committed === 7 * 4096);

    assert.ok(Number(second.data.available) > Number(first.data.available));
    assert.ok(memory.stats().reportsSent >= 2);
  });

  test('can be closed and opened as often as one likes', async () => {
    for (const pages of [3001, 3002, 3003]) {
      await using memory = await open();
      const event = reported(pages);
      await memory.report({ availablePages: pages, committedPages: 1 });
      await event;
    }
    await assert.rejects(heard(), QmpError, 'the host forgets reports when the channel closes');
  });

  test('leaves the channel idle at the end', async () => {
    const memory = await open();
    await memory.close();

    assert.equal(openBus({ root: '/' }).device('balloon').stateName, 'idle');
  });
});

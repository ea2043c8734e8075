// SPDX-License-Identifier: MIT
//
// Dynamic memory from end to end: the guest's side and the host's on a real ring of the simulated host.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  type DynamicMemoryEvent,
  type DynamicMemoryOptions,
  type DynamicMemoryProvider,
  dynamicMemory,
  SimulatedHost,
} from '../../dist/host/index.js';
import type { MemoryService, OpenMemoryOptions } from '../../dist/index.js';
import { captureSnapshot, detect, doctor, openBus, openMemory } from '../../dist/index.js';
import type { PageRange } from '../../dist/protocol/dynamic-memory.js';

interface Pair extends AsyncDisposable {
  readonly host: SimulatedHost;
  readonly device: DynamicMemoryProvider;
  readonly memory: MemoryService;
}

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing[Symbol.asyncDispose]();
});

async function pair(options: OpenMemoryOptions = {}, hostOptions: DynamicMemoryOptions = {}): Promise<Pair> {
  const device = dynamicMemory(hostOptions);
  const host = await SimulatedHost.start({ devices: [device], bound: true });
  opened.push(host);
  const memory = await openMemory(openBus({ root: host.root }).device('balloon'), { reportIntervalMs: 0, ...options });
  opened.push(memory);
  return { host, device, memory, [Symbol.asyncDispose]: () => host.close() };
}

/** The next event of a kind. Subscribes at once. */
function event<K extends DynamicMemoryEvent['kind']>(
  device: DynamicMemoryProvider,
  kind: K,
): Promise<Extract<DynamicMemoryEvent, { kind: K }>> {
  return new Promise((resolve) => {
    const stop = device.subscribe((happened) => {
      if (happened.kind !== kind) return;
      stop();
      resolve(happened as Extract<DynamicMemoryEvent, { kind: K }>);
    });
  });
}

describe('dynamic memory over a ring', () => {
  it('greets, and tells the host what the script can do', async () => {
    const { device, memory } = await pair({ onBalloon: () => [] });

    assert.deepEqual(device.capabilities, { balloon: true, hotAdd: false, hotAddAlignment: 0, hotRemove: false });
    assert.equal(memory.inspect().version, '2.0');
    assert.equal(memory.inspect().host?.suppressReports, false);
  });

  it('agrees on the older version that a host knows', async () => {
    const { memory } = await pair({}, { newestVersion: 0x1_0000 });

    assert.equal(memory.inspect().version, '1.0');
  });

  it('brings a report to the host, figure for figure', async () => {
    const { device, memory } = await pair();
    const heard = event(device, 'report');

    await memory.report({ availablePages: 1000, committedPages: 2000 });

    const { report } = await heard;
    assert.deepEqual([report.availablePages, report.committedPages, report.pageFilePages], [1000n, 2000n, 0n]);
  });

  it('reports by itself where the host wants it, with figures of this machine', async () => {
    const { device } = await pair({ reportIntervalMs: 5 });

    const first = await event(device, 'report');
    const second = await event(device, 'report');

    assert.ok(first.report.availablePages > 0n && second.report.committedPages > 0n);
    assert.notEqual(first.report.transactionId, second.report.transactionId);
  });

  it('gives the host nothing by default, so that its target is dropped', async () => {
    const { device, memory } = await pair({ onBalloon: () => undefined });
    const requests = memory.requests();

    device.balloon(device.currentPages - 512);

    assert.deepEqual((await requests.next()).value, { kind: 'balloon', askedPages: 512, givenPages: 0 });
    assert.deepEqual([device.balloonedPages, memory.borrowedPages], [0, 0]);
  });

  it('gives pages and takes them back, the same on both sides', async () => {
    const back: PageRange[] = [];
    const { device, memory } = await pair({
      onBalloon: ({ pageCount }) => [
        { firstPage: 0x1000n, pageCount: pageCount / 2 },
        { firstPage: 0x4000n, pageCount: pageCount / 2 },
      ],
      onUnballoon: ({ ranges }) => void back.push(...ranges),
    });
    const full = device.currentPages;

    const given = event(device, 'ballooned');
    device.balloon(full - 512);
    await given;
    assert.deepEqual([device.balloonedPages, memory.borrowedPages], [512, 512]);

    const returned = event(device, 'unballooned');
    device.balloon(full);
    await returned;
    assert.deepEqual([device.balloonedPages, memory.borrowedPages], [0, 0]);
    assert.deepEqual(
      back.reduce((sum, range) => sum + range.pageCount, 0),
      512,
    );
    assert.equal(memory.stats().ignoredPages, 0);
  });

  it('lets the script say never to memory that is offered', async () => {
    const { device, memory } = await pair({ onHotAdd: () => 'never' });
    const requests = memory.requests();

    device.balloon(device.currentPages + 0x8000);

    const { value } = await requests.next();
    assert.deepEqual([value.kind, value.addedPages, value.isRefused, device.hotAddedPages], ['hotAdd', 0, true, 0]);
  });

  it('ends with the rescind when the host withdraws the device', async () => {
    const { host, memory } = await pair();
    const watching = memory.requests().next();

    host.rescind('balloon');

    await assert.rejects(watching, { code: 'ERR_VMBUS_RESCINDED' });
    assert.equal((await memory.closed).by, 'rescind');
  });

  it('closes the channel with the reason when the host breaks the protocol', async () => {
    const { host, memory } = await pair();
    const [channel] = host.channels('balloon');

    channel?.send(Uint8Array.from(Buffer.from('08001800000000000000000003000000ffffffffffffffff', 'hex')));

    const reason = await memory.closed;
    assert.deepEqual([reason.by, (reason.error as NodeJS.ErrnoException).code], ['violation', 'ERR_VMBUS_PROTOCOL']);
  });

  it('can be opened again after it was closed', async () => {
    const { host, memory, device } = await pair();
    await memory.close();

    const again = await openMemory(openBus({ root: host.root }).device('balloon'), { reportIntervalMs: 0 });
    opened.push(again);
    const heard = event(device, 'report');
    await again.report({ availablePages: 1, committedPages: 2 });

    assert.equal((await heard).report.committedPages, 2n);
  });

  it('refuses a device of another class', async () => {
    const device = dynamicMemory();
    await using host = await SimulatedHost.start({ devices: [device], bound: true });
    const found = openBus({ root: host.root }).device('balloon');

    await assert.rejects(
      openMemory({ ...found, class: { ...found.class, guid: 'f8615163-df3e-46c5-913f-f2d2f965ed0e' } } as never),
      {
        code: 'ERR_INVALID_ARG_VALUE',
      },
    );
  });

  it('says what to do where the device is not lent to user space', async () => {
    const device = dynamicMemory();
    await using host = await SimulatedHost.start({ devices: [device] });

    await assert.rejects(openMemory(openBus({ root: host.root }).device('balloon')), { code: 'ERR_VMBUS_NOT_BOUND' });
  });
});

describe('insight over a simulated host', () => {
  it('sees that it is one, finds nothing broken, and takes a picture that shows the same', async () => {
    await using host = await SimulatedHost.start({ devices: [dynamicMemory()] });
    const to = `${host.root}-capture`;

    const captured = await captureSnapshot(to, { root: host.root });
    const plain = (root: string): unknown[] =>
      openBus({ root })
        .devices()
        .map((device) => JSON.parse(JSON.stringify(device).replaceAll(`"${root}/`, '"/')));

    try {
      assert.equal(detect({ root: host.root }).hypervisor.value, 'simulated');
      assert.equal((await doctor({ root: host.root, only: ['device-drivers'] })).results[0]?.availability, 'working');
      assert.deepEqual(plain(captured.to), plain(host.root));
    } finally {
      const { rmSync } = await import('node:fs');
      rmSync(captured.to, { recursive: true, force: true });
    }
  });
});

// SPDX-License-Identifier: MIT
// Proves that a watch tells what changed, once, with what is there now; and that it ends without a trace.

import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { renameSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { type BusChange, openBus } from '../../dist/bus/index.js';
import { parseUevent, UeventSplitter } from '../../dist/bus/watch/uevent.js';
import { openUeventSource } from '../../dist/bus/watch/uevent-source.js';
import { acpi, BusTree, balloonId, netId } from './bus-tree.js';

/** A tree with a simulated host's uevents. */
class Scene implements AsyncDisposable {
  readonly tree = new BusTree();
  readonly #server: Server = createServer((socket) => this.#sockets.add(socket));
  readonly #sockets = new Set<Socket>();

  static async make(): Promise<Scene> {
    const scene = new Scene();
    scene.tree.write('run/vmbus/host.json', '{}');
    scene.#server.listen(scene.tree.path('run/vmbus/uevents'));
    await once(scene.#server, 'listening');
    return scene;
  }

  async connected(): Promise<void> {
    while (this.#sockets.size === 0) await once(this.#server, 'connection');
  }

  uevent(subsystem = 'vmbus', action = 'change'): void {
    for (const socket of this.#sockets)
      socket.write(`${action}@/devices/x\0ACTION=${action}\0DEVPATH=/devices/x\0SUBSYSTEM=${subsystem}\0SEQNUM=1\0\0`);
  }

  cutOff(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutOff();
    this.#server.close();
    this.tree[Symbol.dispose]();
  }
}

const take = async (changes: AsyncIterator<BusChange>, count: number): Promise<string[]> => {
  const told: string[] = [];
  while (told.length < count) {
    const { value, done } = await changes.next();
    if (done) break;
    told.push([value.kind, value.subject, value.channel ?? '', value.fields.join(',')].join(' ').trim());
  }
  return told;
};

describe('a watch', { timeout: 60_000 }, () => {
  test('tells of a device and its channels as they come, change and go', async () => {
    await using scene = await Scene.make();
    const controller = new AbortController();
    const changes = openBus({ root: scene.tree.root }).watch({ signal: controller.signal });
    await scene.connected();

    const folder = scene.tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    scene.uevent();
    assert.deepEqual(await take(changes, 2), ['added device', 'added channel 1']);

    scene.tree.bind(balloonId, 'hv_balloon');
    scene.tree.write(`${folder}/state`, '3\n');
    scene.uevent();
    assert.deepEqual(await take(changes, 1), ['changed device  state,driver']);

    scene.tree.write(`${folder}/channels/1/cpu`, '1\n');
    scene.tree.channel(folder, 9, 1);
    scene.uevent('channels');
    assert.deepEqual(await take(changes, 2), ['changed channel 1 cpu', 'added channel 9']);

    scene.tree.remove(`sys/bus/vmbus/devices/${balloonId}`);
    scene.tree.remove(folder);
    scene.uevent();
    assert.deepEqual((await take(changes, 3)).sort(), ['removed channel 1', 'removed channel 9', 'removed device']);
    controller.abort();
    assert.equal((await changes.next()).done, true);
  });

  test('begins with what is there, if asked', async () => {
    await using scene = await Scene.make();
    scene.tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    await using bus = openBus({ root: scene.tree.root });
    const { value } = await bus.watch({ initial: true }).next();

    assert.deepEqual([value.kind, value.device, value.current.class.name], ['added', balloonId, 'balloon']);
  });

  test('looks again by itself for what comes without an event: the maps and ring of a bound device', async () => {
    await using scene = await Scene.make();
    const folder = scene.tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    await using bus = openBus({ root: scene.tree.root });
    const changes = bus.watch();
    await scene.connected();
    scene.tree.bind(balloonId, 'uio_hv_generic');
    scene.uevent();
    assert.deepEqual(await take(changes, 1), ['changed device  driver']);

    scene.tree.uio(balloonId);
    scene.tree.write(`${folder}/channels/1/ring`, '');
    const told: string[] = [];
    while (!told.includes('changed channel 1 ring') || !told.some((line) => line.startsWith('changed device')))
      told.push(...(await take(changes, 1)));

    assert.ok(told.length <= 4, told.join());
  });

  test('takes a device that was offered anew for another one', async () => {
    await using scene = await Scene.make();
    const folder = scene.tree.device({ id: netId, className: 'net', relid: 5 });
    await using bus = openBus({ root: scene.tree.root });
    const changes = bus.watch();
    await scene.connected();
    scene.tree.folder('sys/spare'); // keeps the inode number from being given out again at once
    scene.tree.remove(`sys/bus/vmbus/devices/${netId}`);
    scene.tree.folder(`${acpi}/other`);
    renameSync(scene.tree.path(folder), scene.tree.path(`${acpi}/old`));
    scene.tree.device({ id: netId, className: 'net', relid: 5 });
    scene.uevent();

    assert.deepEqual(await take(changes, 4), [
      'removed channel 5',
      'removed device',
      'added device',
      'added channel 5',
    ]);
  });

  test('hears nothing of other subsystems', async () => {
    await using scene = await Scene.make();
    await using bus = openBus({ root: scene.tree.root });
    const changes = bus.watch();
    await scene.connected();
    assert.deepEqual(
      await Promise.race([take(changes, 1), new Promise((resolve) => setImmediate(resolve, 'nothing'))]),
      'nothing',
    );
    scene.uevent('cpu');
    scene.tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    scene.uevent('net');

    assert.equal((await changes.next()).value.kind, 'added');
  });

  test('that was cut off connects again and misses nothing', async () => {
    await using scene = await Scene.make();
    await using bus = openBus({ root: scene.tree.root });
    const changes = bus.watch();
    await scene.connected();
    scene.cutOff();
    scene.tree.device({ id: balloonId, className: 'balloon', relid: 1 });

    assert.deepEqual(await take(changes, 2), ['added device', 'added channel 1']);
    await scene.connected();
    scene.tree.bind(balloonId, 'hv_balloon');
    scene.uevent();
    assert.deepEqual(await take(changes, 1), ['changed device  driver']);
  });

  test('ends when its host goes, after telling what went with it', async () => {
    const scene = await Scene.make();
    scene.tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    const changes = openBus({ root: scene.tree.root }).watch();
    await scene.connected();
    await scene[Symbol.asyncDispose]();

    assert.deepEqual(await take(changes, 3), ['removed channel 1', 'removed device']);
  });

  test('ends quietly by abort, by return, and with the bus, and leaves no listener', async () => {
    await using scene = await Scene.make();
    const controller = new AbortController();
    const bus = openBus({ root: scene.tree.root });
    const byAbort = bus.watch({ signal: controller.signal });
    const byReturn = bus.watch();
    const byBus = bus.watch();
    const waiting = [byAbort, byReturn, byBus].map((watch) => watch.next());
    controller.abort();
    await byReturn.return?.();
    await bus.close();

    for (const result of await Promise.all(waiting)) assert.equal(result.done, true);
    assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
    assert.equal((await bus.watch({ signal: controller.signal }).next()).done, true);
  });

  test('keeps the queue bounded and catches up when it is read', async () => {
    await using scene = await Scene.make();
    const folder = scene.tree.device({ id: netId, className: 'net', relid: 1 });
    for (let relid = 2; relid <= 1100; relid++) scene.tree.write(`${folder}/channels/${relid}/cpu`, '0\n');
    await using bus = openBus({ root: scene.tree.root });
    const changes = bus.watch({ initial: true });
    scene.tree.bind(netId, 'hv_netvsc');
    scene.uevent();
    assert.equal((await take(changes, 1101)).length, 1101);

    assert.deepEqual(await take(changes, 1), ['changed device  driver']);
  });

  test('of a snapshot waits for its abort', async () => {
    using tree = new BusTree();
    tree.write('snapshot.json', '{}');
    const controller = new AbortController();
    const pending = openBus({ root: tree.root }).watch({ signal: controller.signal }).next();
    controller.abort();

    assert.equal((await pending).done, true);
  });
});

test('a source tells of the subsystems that show in a device, and of no other', async () => {
  await using scene = await Scene.make();
  let news = 0;
  let told: () => void = () => {};
  const listener = {
    news: (): void => {
      news++;
      told();
    },
    end: (): void => {},
  };
  const next = (): Promise<void> => new Promise((resolve) => (told = resolve));
  const connected = next();
  const source = await openUeventSource(scene.tree.root, 'simulated', listener);
  await Promise.all([connected, scene.connected()]); // a new connection is news by itself
  const heard = next();
  for (const subsystem of ['cpu', 'usb', '', 'uio']) scene.uevent(subsystem);
  await heard;
  source.close();

  assert.equal(news, 2);
});

describe('a uevent', () => {
  test("is read from the kernel's message", () => {
    const message = Buffer.from(
      'bind@/devices/LNXSYSTM:00/x\0ACTION=bind\0DEVPATH=/devices/LNXSYSTM:00/x\0SUBSYSTEM=vmbus\0DRIVER=hv_balloon\0SEQNUM=812\0',
    );
    assert.deepEqual(parseUevent(message), { action: 'bind', devpath: '/devices/LNXSYSTM:00/x', subsystem: 'vmbus' });
  });

  test("is none in udev's own messages, in nothing, and in noise", () => {
    for (const text of ['libudev\0\xfe\xed', '', 'add', 'ADD@/x\0', 'add@x\0', 'x'.repeat(10_000)])
      assert.equal(parseUevent(Buffer.from(text, 'latin1')), null);
  });

  test('is put together from pieces, wherever a stream was cut', () => {
    const stream = Buffer.from('add@/a\0SUBSYSTEM=vmbus\0\0remove@/b\0SUBSYSTEM=uio\0\0');
    for (let cut = 0; cut <= stream.length; cut++) {
      const splitter = new UeventSplitter();
      const messages = [...splitter.push(stream.subarray(0, cut)), ...splitter.push(stream.subarray(cut))];
      assert.deepEqual(
        messages.map((message) => parseUevent(message)?.subsystem),
        ['vmbus', 'uio'],
      );
    }
  });

  test('that never ends is dropped', () => {
    const splitter = new UeventSplitter();
    for (let i = 0; i < 100; i++) assert.deepEqual(splitter.push(Buffer.alloc(1000, 'x')), []);
    assert.equal(splitter.push(Buffer.from('add@/a\0SUBSYSTEM=vmbus\0\0')).length, 1);
  });
});

// SPDX-License-Identifier: MIT
//
// The file copy device: pieces and their order, and what the guest is told when a transfer ends before its end.

import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import { type FcopyEvent, type FcopyProvider, fcopy } from '../../dist/host/index.js';
import { IcScene, turn, watch } from './support/ic-scene.js';
import { bodyAt, type GuestAnswer, status } from './support/linux-ic-guest.js';

const names = ['start', 'write', 'complete', 'cancel'];
const into = { path: '/tmp', name: 'file' };
const fileExists = 0x8007_0050;
const diskFull = 0x8007_0070;
let files: FcopyProvider;
let scene: IcScene;
let events: FcopyEvent[];

beforeEach(async () => {
  mock.timers.reset();
  files = fcopy();
  events = [];
  files.subscribe((event) => {
    if (event.kind !== 'state') events.push(event);
  });
  scene = new IcScene(files, ['1.1']);
  await scene.served(files.ready());
});

/** What the guest was asked for; writes with offset and size. */
function asked(): string[] {
  return scene.guest.bodies.map((body) => {
    const name = names[body.readUInt32LE(0)] ?? '?';
    return name === 'write' ? `write ${body.readBigUInt64LE(40)}+${body.readUInt32LE(48)}` : name;
  });
}

/** The file as a guest would have it. */
function written(): Buffer {
  return Buffer.concat(
    scene.guest.bodies.flatMap((body) => (body[0] === 1 ? [body.subarray(52, 52 + body.readUInt32LE(48))] : [])),
  );
}

const answering =
  (name: string, answered: number | null): GuestAnswer =>
  (packet) =>
    names[packet.readUInt32LE(bodyAt)] === name ? answered : status.done;

async function* chunks(...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let next = 0;
  for (const size of sizes) yield Uint8Array.from({ length: size }, () => next++);
}

describe('a file', () => {
  it('goes in pieces of 6144 bytes, each after the answer to the last', async () => {
    const bytes = Uint8Array.from({ length: 15_000 }, (_, i) => i * 7);
    const progress: number[] = [];

    const size = await scene.served(
      files.send(bytes, {
        ...into,
        overwrite: true,
        createPath: true,
        onProgress: (at) => progress.push(at.sentBytes),
      }),
    );

    assert.deepEqual(asked(), ['start', 'write 0+6144', 'write 6144+6144', 'write 12288+2712', 'complete']);
    assert.deepEqual([size, progress], [15_000, [6144, 12_288, 15_000]]);
    assert.equal(Buffer.compare(written(), bytes), 0);
    assert.deepEqual(
      [scene.guest.bodies[0]?.readUInt32LE(1076), scene.guest.bodies[0]?.readBigUInt64LE(1080)],
      [3, 15_000n],
    );
    assert.deepEqual(events, [
      { kind: 'started', name: 'file' },
      { kind: 'completed', name: 'file' },
    ]);
  });

  it('has a slash at the end of a folder that is to be made: the guest’s daemon makes what a slash follows', async () => {
    await scene.served(files.send(Uint8Array.of(1), { ...into, createPath: true }));
    await scene.served(files.send(Uint8Array.of(1), into));
    const folders = scene.guest.bodies
      .filter((body) => body[0] === 0)
      .map((body) => body.subarray(556, 570).toString('utf16le'));
    assert.deepEqual(folders, ['/tmp/\0\0', '/tmp\0\0\0']);
  });

  it('is sent from a source of any pieces, which may use its memory again', async () => {
    const memory = new Uint8Array(5000);
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 3; i += 1) yield memory.fill(i + 1);
      yield new Uint8Array(0);
    }

    await scene.served(files.send(source(), { ...into, sizeBytes: 15_000 }));

    assert.deepEqual(asked().slice(1, -1), ['write 0+6144', 'write 6144+6144', 'write 12288+2712']);
    assert.deepEqual(
      [0, 4999, 5000, 9999, 10_000, 14_999].map((at) => written()[at]),
      [1, 1, 2, 2, 3, 3],
    );
  });

  it('may be empty, and may come from an array', async () => {
    await scene.served(files.send(new Uint8Array(0), into));
    await scene.served(files.send([Uint8Array.of(1), Uint8Array.of(2)], { ...into, sizeBytes: 2 }));

    assert.deepEqual(asked(), ['start', 'complete', 'start', 'write 0+2', 'complete']);
  });

  it('waits for the one before', async () => {
    const both = [files.send(Uint8Array.of(1), into), files.send(Uint8Array.of(2), { ...into, name: 'other' })];

    await scene.served(Promise.all(both));

    assert.deepEqual(asked(), ['start', 'write 0+1', 'complete', 'start', 'write 0+1', 'complete']);
  });

  it('is refused before anything is sent when its options make no sense', async () => {
    const none = Uint8Array.of();
    for (const [source, options, code] of [
      ['text', into, 'ERR_INVALID_ARG_TYPE'],
      [5, into, 'ERR_INVALID_ARG_TYPE'],
      [none, undefined, 'ERR_INVALID_ARG_TYPE'],
      [none, { path: '/tmp' }, 'ERR_INVALID_ARG_TYPE'],
      [none, { ...into, name: 'n'.repeat(260) }, 'ERR_OUT_OF_RANGE'],
      [none, { ...into, overWrite: true }, 'ERR_INVALID_ARG_VALUE'],
      [none, { ...into, overwrite: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [none, { ...into, onProgress: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [chunks(1), into, 'ERR_INVALID_ARG_TYPE'],
      [chunks(1), { ...into, sizeBytes: -1 }, 'ERR_OUT_OF_RANGE'],
    ] as const) {
      await assert.rejects(files.send(source as never, options as never), { code });
    }
    await scene.settle();
    assert.deepEqual(asked(), []);
  });
});

describe('a transfer that ends before its end', () => {
  it('is not cancelled when the guest refused to start', async () => {
    scene.guest.answer = answering('start', fileExists);

    await assert.rejects(scene.served(files.send(Uint8Array.of(1), into)), {
      code: 'ERR_VMBUS_REFUSED',
      message: /fileExists/,
    });

    await scene.settle();
    assert.deepEqual(asked(), ['start']);
  });

  it('is cancelled when the guest refused a piece', async () => {
    scene.guest.answer = answering('write', diskFull);

    await assert.rejects(scene.served(files.send(Uint8Array.of(1), into)), { message: /diskFull/ });

    await scene.settle();
    assert.deepEqual(asked(), ['start', 'write 0+1', 'cancel']);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['started', 'cancelled'],
    );
  });

  it('is cancelled when it is aborted, behind the answer that the guest still owes; the next file waits', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const stop = new AbortController();
    const sending = files.send(Uint8Array.of(1), { ...into, signal: stop.signal });
    await turn();
    scene.serve();
    await turn();
    const [write] = scene.channel.take();
    stop.abort('enough');
    await assert.rejects(sending, (reason) => reason === 'enough');
    const next = watch(files.send(Uint8Array.of(2), into));
    await turn();

    mock.timers.tick(3_600_000);
    await turn();
    assert.deepEqual([scene.channel.take().length, next.result], [0, 'ERR_VMBUS_TIMEOUT']);
    const late = write && scene.guest.take(write.payload);
    if (late) scene.channel.say({ payload: late });
    await scene.settle();

    assert.deepEqual(asked(), ['start', 'write 0+1', 'cancel']);
    const end = events.at(-1);
    assert.ok(end?.kind === 'cancelled' && end.error === 'enough');
  });

  it('counts as cancelled also when the daemon answers that with a failure, as Linux does', async () => {
    scene.guest.answer = (packet) => (packet.readUInt32LE(bodyAt) === 0 ? status.done : status.failed);

    await assert.rejects(scene.served(files.send(Uint8Array.of(1), into)), { code: 'ERR_VMBUS_REFUSED' });

    await scene.settle();
    assert.equal(events.at(-1)?.kind, 'cancelled');
  });

  it('is cancelled when its source throws, is too long, too short, or no bytes', async () => {
    const broken = new Error('disk on fire');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(7000);
      throw broken;
    }
    for (const [source, sizeBytes, reason] of [
      [failing(), 9000, { message: 'disk on fire' }],
      [chunks(10, 10), 19, { code: 'ERR_OUT_OF_RANGE', message: /more/ }],
      [chunks(10, 10), 21, { code: 'ERR_OUT_OF_RANGE', message: /fewer/ }],
      [['text'], 4, { code: 'ERR_INVALID_ARG_TYPE' }],
    ] as const) {
      scene.guest.requests.length = 0;
      await assert.rejects(scene.served(files.send(source as never, { ...into, sizeBytes })), reason);
      await scene.settle();
      assert.equal(asked().at(-1), 'cancel');
    }
  });

  it('is cancelled when whoever watches it throws', async () => {
    const onProgress = (): void => {
      throw new Error('no more');
    };

    await assert.rejects(scene.served(files.send(Uint8Array.of(1), { ...into, onProgress })), { message: 'no more' });

    await scene.settle();
    assert.deepEqual(asked(), ['start', 'write 0+1', 'cancel']);
  });

  it('can be aborted while its source has nothing to say, and while it waits for the one before', async () => {
    const stop = new AbortController();
    async function* stuck(): AsyncGenerator<Uint8Array> {
      yield* [];
      await new Promise(() => undefined);
    }
    const sending = files.send(stuck(), { ...into, sizeBytes: 5, signal: stop.signal });
    const waiting = files.send(Uint8Array.of(1), { ...into, signal: stop.signal });
    await scene.settle();

    stop.abort('enough');

    await assert.rejects(sending, (reason) => reason === 'enough');
    await assert.rejects(waiting, (reason) => reason === 'enough');
    await scene.settle();
    assert.deepEqual(asked(), ['start', 'cancel']);
    await scene.served(files.send(Uint8Array.of(1), into));
    await assert.rejects(
      files.send(Uint8Array.of(1), { ...into, signal: stop.signal }),
      (reason) => reason === 'enough',
    );
  });

  it('ends with the channel, and leaves the way free for the next', async () => {
    scene.guest.answer = answering('write', null);
    const sending = files.send(Uint8Array.of(1), into);
    sending.catch(() => undefined);
    await scene.settle();

    scene.channel.close();

    await assert.rejects(sending, { code: 'ERR_VMBUS_CLOSED' });
    assert.deepEqual(events.at(-1), { kind: 'started', name: 'file' });
    scene.guest.answer = () => status.done;
    scene.open();
    await scene.served(files.ready());
    assert.equal(await scene.served(files.send(Uint8Array.of(1), into)), 1);
  });
});

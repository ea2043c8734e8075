// SPDX-License-Identifier: MIT
//
// The backup device: whatever happens to a freeze, a thaw follows.

import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import { type VssEvent, type VssOptions, type VssProvider, vss } from '../../dist/host/index.js';
import { parseGuid } from '../../dist/index.js';
import { IcScene, turn, watch } from './support/ic-scene.js';
import { bodyAt, type GuestAnswer, status } from './support/linux-ic-guest.js';

const [freeze, thaw] = [5, 6];
let backup: VssProvider;
let scene: IcScene;
let events: VssEvent[];

/** Opens a device whose guest is ready. */
async function begin(options: VssOptions = {}): Promise<void> {
  backup = vss(options);
  events = [];
  scene = new IcScene(backup, ['5.0']);
  await scene.served(backup.ready());
  backup.subscribe((event) => {
    if (event.kind !== 'state') events.push(event);
  });
}

/** Operations that the guest was asked for. */
const asked = (): (number | undefined)[] => scene.guest.bodies.map((body) => body[0]);
const refusing =
  (...operations: readonly number[]): GuestAnswer =>
  (packet) =>
    operations.includes(packet.readUInt8(bodyAt)) ? status.failed : status.done;

beforeEach(async () => {
  mock.timers.reset();
  await begin();
});

describe('a backup', () => {
  it('asks whether it can be, freezes, and thaws at the end of the scope', async () => {
    scene.guest.answer = (packet) => {
      if (packet.readUInt8(bodyAt) === 2) packet.writeUInt32LE(5, bodyAt + 8);
      return status.done;
    };
    assert.equal(await scene.served(backup.hotBackupCheck()), 5);
    const frozen = await scene.served(backup.freeze());
    assert.deepEqual([backup.isFrozen, frozen.isFrozen], [true, true]);

    await scene.served(Promise.resolve(frozen[Symbol.asyncDispose]()));

    assert.deepEqual(asked(), [2, freeze, thaw]);
    assert.deepEqual([backup.isFrozen, frozen.isFrozen], [false, false]);
    assert.deepEqual(events, [{ kind: 'frozen' }, { kind: 'thawed' }]);
    await frozen.thaw();
    assert.equal(scene.guest.requests.length, 3);
  });

  it('can name the disks that it is of', async () => {
    const disk = { bus: 0, controller: parseGuid('00000000-1111-2222-3333-444444444444'), port: 0, target: 1, lun: 2 };

    await scene.served(backup.freeze({ details: { backupType: 1, flags: 2, disks: [disk] } }));

    assert.deepEqual([scene.guest.bodies[0]?.length, scene.guest.bodies[0]?.readUInt32LE(16)], [44, 1]);
    await scene.served(backup.thaw());
  });

  it('refuses options that make no sense before it asks for anything', async () => {
    for (const [options, code] of [
      [{ thawAfterMs: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ thawafterMs: 5 }, 'ERR_INVALID_ARG_VALUE'],
      [{ details: 5 }, 'ERR_INVALID_ARG_TYPE'],
      [{ signal: 5 }, 'ERR_INVALID_ARG_TYPE'],
    ] as const) {
      await assert.rejects(backup.freeze(options as never), { code });
    }
    assert.throws(() => vss({ thawAfterMs: -1 }), { code: 'ERR_OUT_OF_RANGE' });
    await scene.settle();
    assert.deepEqual(asked(), []);
  });
});

describe('a thaw that nobody asked for', () => {
  it('follows when the time is over', async () => {
    await begin({ thawAfterMs: 5000 });
    mock.timers.enable({ apis: ['setTimeout'] });
    const freezing = backup.freeze();
    scene.serve();
    const frozen = await freezing;

    mock.timers.tick(4999);
    assert.equal(frozen.isFrozen, true);
    mock.timers.tick(1);
    await scene.settle();

    assert.deepEqual([asked(), frozen.isFrozen], [[freeze, thaw], false]);
    assert.deepEqual(events.at(-1), { kind: 'thawed', by: 'time' });
    await frozen[Symbol.asyncDispose]();
    assert.equal(scene.guest.requests.length, 2);
  });

  it('follows an aborted freeze as soon as the guest has answered that, however long it takes', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const stop = new AbortController();
    const freezing = backup.freeze({ signal: stop.signal });
    const [packet] = scene.channel.take();
    stop.abort('changed my mind');
    await assert.rejects(freezing, (reason) => reason === 'changed my mind');

    mock.timers.tick(15 * 60_000);
    await turn();
    assert.equal(scene.channel.take().length, 0);
    const late = packet && scene.guest.take(packet.payload);
    if (late) scene.channel.say({ payload: late });
    await scene.settle();

    assert.deepEqual(asked(), [freeze, thaw]);
    assert.deepEqual(events, [{ kind: 'thawed', by: 'abandoned' }]);
  });

  it('follows a freeze that took too long, and goes before whatever waits', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const freezing = watch(backup.freeze({ timeoutMs: 100 }));
    const check = backup.hotBackupCheck({ timeoutMs: 10_000 });
    const [packet] = scene.channel.take();
    mock.timers.tick(100);
    await turn();
    assert.equal(freezing.result, 'ERR_VMBUS_TIMEOUT');

    const late = packet && scene.guest.take(packet.payload);
    if (late) scene.channel.say({ payload: late });
    await scene.served(check);

    assert.deepEqual(asked(), [freeze, thaw, 2]);
  });

  it('follows a freeze that failed, for a part may be frozen', async () => {
    scene.guest.answer = refusing(freeze);

    await assert.rejects(scene.served(backup.freeze()), { code: 'ERR_VMBUS_REFUSED' });
    await scene.settle();

    assert.deepEqual([asked(), events], [[freeze, thaw], [{ kind: 'thawed', by: 'failed' }]]);
  });

  it('is not sent for a freeze that was never asked for', async () => {
    const stop = new AbortController();
    const check = backup.hotBackupCheck();
    const freezing = backup.freeze({ signal: stop.signal });
    stop.abort('no');
    await assert.rejects(freezing, (reason) => reason === 'no');

    await scene.served(check);
    await scene.settle();

    assert.deepEqual(asked(), [2]);
  });

  it('that fails is told, and the guest counts as frozen until it is thawed', async () => {
    await begin({ thawAfterMs: 10 });
    mock.timers.enable({ apis: ['setTimeout'] });
    scene.guest.answer = refusing(thaw);
    const freezing = backup.freeze();
    scene.serve();
    const frozen = await freezing;

    mock.timers.tick(10);
    await scene.settle();
    const [, failure] = events;
    assert.ok(failure?.kind === 'thaw-failed' && failure.by === 'time');
    assert.equal(frozen.isFrozen, true);
    scene.guest.answer = refusing();
    await scene.served(frozen.thaw());

    assert.equal(backup.isFrozen, false);
  });

  it('is the last word when the device is withdrawn, and is not said where nothing is frozen', async () => {
    const frozen = await scene.served(backup.freeze());
    scene.channel.rescind();
    assert.equal(scene.channel.take()[0]?.payload[bodyAt], thaw);
    assert.equal(frozen.isFrozen, false);
    await assert.rejects(backup.thaw(), { code: 'ERR_VMBUS_RESCINDED' });

    scene.open();
    await scene.served(backup.ready());
    scene.channel.rescind();
    assert.equal(scene.channel.take().length, 0);
  });

  it('is the guest’s own duty when it closes the channel', async () => {
    const before = process.listenerCount('exit');
    const frozen = await scene.served(backup.freeze());
    assert.equal(process.listenerCount('exit'), before + 1);

    scene.channel.close();

    assert.deepEqual([backup.isFrozen, frozen.isFrozen], [false, false]);
    assert.equal(process.listenerCount('exit'), before);
    await frozen[Symbol.asyncDispose]();
  });
});

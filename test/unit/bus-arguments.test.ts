// SPDX-License-Identifier: MIT
// Proves that a mistake in a script's arguments is refused before anything is written: no device goes by a misspelt option.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type BindOptions,
  bindDevice,
  classOfGuid,
  classOfName,
  type Device,
  deviceUses,
  kernelHazards,
  kernelVersion,
  listBindings,
  type MoveChannelOptions,
  moveChannel,
  openBus,
  type RestoreOptions,
  restoreDevice,
  restoreStale,
  subchannelInterruptsAreSafe,
  type WatchOptions,
} from '../../dist/bus/index.js';
import { Scene } from './bus-scene.js';
import { balloonId } from './bus-tree.js';

const type = 'ERR_INVALID_ARG_TYPE';
const value = 'ERR_INVALID_ARG_VALUE';
const range = 'ERR_OUT_OF_RANGE';

/** What a script in plain JavaScript can pass. */
const any = <T>(wrong: unknown): T => wrong as T;

async function assertUntouched(scene: Scene): Promise<void> {
  assert.deepEqual([scene.kernel.writes, scene.records, scene.kernel.overrideOf(balloonId)], [[], [], '(null)']);
}

describe('bindDevice takes nothing away and refuses', () => {
  const cases: readonly (readonly [unknown, string, RegExp])[] = [
    [{ dryrun: true }, value, /did you mean dryRun/],
    [{ dryRun: 1 }, type, /options\.dryRun/],
    [{ dryRun: 'false' }, type, /options\.dryRun/],
    [{ rollbackAfter: 100 }, value, /did you mean rollbackAfterMs/],
    [{ rollbackAfterMs: '1000' }, type, /rollbackAfterMs/],
    [{ rollbackAfterMs: Number.NaN }, range, /rollbackAfterMs/],
    [{ rollbackAfterMs: 99 }, range, /rollbackAfterMs/],
    [{ rollbackAfterMs: 1e9 }, range, /rollbackAfterMs/],
    [{ force: 'no' }, type, /options\.force/],
    [{ persist: 0 }, type, /options\.persist/],
    [{ driver: null }, type, /options\.driver/],
    [{ driver: '../evil' }, value, /options\.driver/],
    [{ signal: {} }, type, /options\.signal/],
    [null, type, /options/],
    [0, type, /options/],
    [[], type, /options/],
  ];
  for (const [options, code, message] of cases) {
    test(`the options ${JSON.stringify(options, (_, v) => (Number.isNaN(v) ? 'NaN' : v))}`, async () => {
      await using scene = await Scene.make();
      await assert.rejects(bindDevice(scene.device, any<BindOptions>(options)), { code, message });
      await assertUntouched(scene);
    });
  }
});

const noDevices: readonly (readonly [string, unknown])[] = [
  ['nothing', undefined],
  ['null', null],
  ['a name', 'balloon'],
  ['an object without a root', { id: balloonId }],
  ['a relative root', { root: 'here', id: balloonId }],
  ['an id that is a path', { root: '/', id: '../../tmp' }],
];
for (const [what, wrong] of noDevices) {
  test(`${what} is no device, for whatever is done to one`, async () => {
    const device = any<Device>(wrong);
    const refusal = { code: type, message: /"device" must be a device of openBus\(\)/ };
    await assert.rejects(bindDevice(device), refusal);
    await assert.rejects(restoreDevice(device), refusal);
    await assert.rejects(moveChannel(device, 1, { cpu: 0 }), refusal);
    assert.throws(() => deviceUses(device), refusal);
  });
}

test('half a device is enough to restore it and too little to tell who uses it', () => {
  assert.throws(() => deviceUses(any<Device>({ root: '/', id: balloonId })), { code: type });
});

test('restoring refuses options it does not know, by the function and by the binding, and does nothing', async () => {
  await using scene = await Scene.make();
  const binding = await bindDevice(scene.device);
  const writes = scene.kernel.writes.length;
  for (const [options, code] of [
    [{ dryrun: true }, value],
    [{ dryRun: 1 }, type],
    [{ force: 'yes' }, type],
    [null, type],
  ] as const) {
    await assert.rejects(restoreDevice(scene.device, any<RestoreOptions>(options)), { code });
    await assert.rejects(binding.restore(any<RestoreOptions>(options)), { code });
  }
  assert.equal(scene.kernel.writes.length, writes);
  await binding.restore();
});

test('moving a channel refuses a relid, a CPU or a dry run of the wrong kind', async () => {
  await using scene = await Scene.make();
  const { device } = scene;
  for (const [relid, options, code] of [
    [Symbol('1'), { cpu: 0 }, type],
    [Number.NaN, { cpu: 0 }, range],
    ['1', { cpu: 0 }, type],
    [-1, { cpu: 0 }, range],
    [1, { cpu: '0' }, type],
    [1, { cpu: 0, dryrun: true }, value],
    [1, { cpu: 0, dryRun: 1 }, type],
    [1, undefined, type],
  ] as const) {
    await assert.rejects(moveChannel(device, any<number>(relid), any<MoveChannelOptions>(options)), { code });
  }
});

test('opening and watching the bus refuse unknown and mistyped options', async () => {
  await using scene = await Scene.make();
  assert.throws(() => openBus(any({ Root: '/' })), { code: value, message: /did you mean root/ });
  assert.throws(() => openBus(any(null)), { code: type });
  const bus = openBus({ root: scene.tree.root });
  for (const [options, code] of [
    [null, type],
    [0, type],
    [{ inital: true }, value],
    [{ initial: 1 }, type],
    [{ signal: 'stop' }, type],
  ] as const)
    assert.throws(() => bus.watch(any<WatchOptions>(options)), { code });
});

test('questions about the kernel, the records and the classes refuse what is no text', async () => {
  for (const wrong of [undefined, null, 7]) {
    assert.throws(() => kernelVersion(any(wrong)), { code: type });
    assert.throws(() => kernelHazards(any(wrong)), { code: type });
    assert.throws(() => subchannelInterruptsAreSafe(any(wrong)), { code: type });
    assert.throws(() => classOfGuid(any(wrong)), { code: type });
    assert.throws(() => classOfName(any(wrong)), { code: type });
  }
  assert.throws(() => classOfGuid(any('balloon')), { code: value });
  assert.throws(() => listBindings(any(7)), { code: type });
  await assert.rejects(restoreStale(any(7)), { code: type });
});

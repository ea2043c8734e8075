// SPDX-License-Identifier: MIT
//
// vmbus-freezer by itself: order, every way in which it thaws, what it refuses. No file system is frozen here.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { after, describe, it } from 'node:test';
import { freezerPath } from '../../dist/native/freezer-path.js';
import { compileShim, FreezerScene } from './freezer-scene.js';

const shim = compileShim();
after(() => shim?.remove());
const skip = shim === null ? 'there is no C compiler (cc) to build the preloaded object with' : false;
const scene = (): FreezerScene => new FreezerScene(shim?.path ?? '');
const capSysResource = 1n << 24n;
const { EIO, EINVAL, ESTALE, ELOOP, ENOTDIR, EOPNOTSUPP } = constants.errno;

describe('the freezer', { skip }, () => {
  it('freezes in the order given, and thaws in the other one when told', async () => {
    using folders = scene();
    const freezer = folders.start(['c', 'b', 'a']);
    await freezer.says('ready 1 3');
    assert.deepEqual(folders.asked, []);
    freezer.tell('F');
    await freezer.says('holding');
    assert.deepEqual(folders.asked, ['freeze c', 'freeze b', 'freeze a']);
    freezer.tell('T');
    const { status, lines } = await freezer.ended;

    assert.deepEqual(folders.asked.slice(3), ['thaw a', 'thaw b', 'thaw c']);
    assert.deepEqual([status, lines.at(-1)], [0, 'end told 0']);
  });

  it('thaws when its pipe is closed', async () => {
    using folders = scene();
    const freezer = folders.start(['a']);
    freezer.tell('F');
    await freezer.says('holding');
    freezer.child.stdin?.end();

    assert.deepEqual((await freezer.ended).lines.slice(-2), ['thawed 0 0', 'end closed 0']);
  });

  it('thaws at its deadline, which begins with the freeze', async () => {
    using folders = scene();
    const freezer = folders.start(['a'], ['--deadline-ms', '40']);
    await freezer.says('ready 1 1');
    freezer.tell('F');

    assert.deepEqual((await freezer.ended).lines.slice(-2), ['thawed 0 0', 'end deadline 0']);
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) {
    it(`thaws at ${signal}`, async () => {
      using folders = scene();
      const freezer = folders.start(['a', 'b']);
      freezer.tell('F');
      await freezer.says('holding');
      freezer.child.kill(signal);

      const { status, lines } = await freezer.ended;
      assert.deepEqual([status, lines.at(-1)], [0, 'end signal 0']);
      assert.deepEqual(folders.asked.slice(2), ['thaw b', 'thaw a']);
    });
  }

  it('thaws what is frozen when one cannot be', async () => {
    using folders = scene();
    const freezer = folders.start(['a', 'b', 'unable', 'c']);
    freezer.tell('F');
    const { status, lines } = await freezer.ended;

    assert.deepEqual(folders.asked, ['freeze a', 'freeze b', 'thaw b', 'thaw a']);
    assert.ok(lines.includes(`failed 2 ${EOPNOTSUPP}`));
    assert.deepEqual([status, lines.at(-1)], [0, 'end failed 0']);
  });

  it('leaves alone what somebody else froze, unless it is to own that', async () => {
    using folders = scene();
    const freezer = folders.start(['a', 'busy']);
    freezer.tell('F');
    await freezer.says('holding');
    freezer.tell('T');
    assert.ok((await freezer.ended).lines.includes('foreign 1'));
    assert.deepEqual(folders.asked, ['freeze a', 'thaw a']);

    const owner = folders.start(['busy'], ['--own-foreign', '--deadline-ms', '60000']);
    owner.tell('F');
    await owner.says('holding');
    owner.tell('T');
    await owner.ended;
    assert.deepEqual(folders.asked.slice(2), ['thaw busy']);
  });

  it('thaws the others while one hangs in the kernel, and that one as soon as it returns', async () => {
    using folders = scene();
    assert.equal(spawnSync('mkfifo', [folders.gate]).status, 0);
    const freezer = folders.start(['a', 'b', 'slow', 'never']);
    freezer.tell('F');
    await folders.hasNoted('freezing slow'); // told to thaw before, it would not begin with it
    freezer.child.stdin?.end();
    await freezer.says('thawed 0 0');
    assert.deepEqual(
      folders.asked.filter((line) => line !== 'freezing slow'),
      ['freeze a', 'freeze b', 'thaw b', 'thaw a'],
    );
    const gate = openSync(folders.gate, 'r+'); // does not wait for the other side
    const { lines } = await freezer.ended;
    closeSync(gate);

    assert.equal(lines.at(-1), 'end closed 0');
    assert.deepEqual(folders.asked.slice(-2), ['freeze slow', 'thaw slow']);
  });

  it('tells what it could not thaw, and what others thawed before', async () => {
    using folders = scene();
    const freezer = folders.start(['torn', 'awake']);
    freezer.tell('F');
    await freezer.says('holding');
    freezer.tell('T');
    const { status, lines } = await freezer.ended;

    assert.deepEqual(lines.slice(-3), [`thawed 1 ${EINVAL}`, `thawed 0 ${EIO}`, 'end told 1']);
    assert.equal(status, 1);
  });

  it('ends without a word to the kernel when it is not told to freeze', async () => {
    using folders = scene();
    const freezer = folders.start(['a']);
    await freezer.says('ready 1 1');
    freezer.child.stdin?.end();
    await freezer.ended;

    assert.deepEqual(folders.asked, []);
  });

  it('refuses a place where something else is mounted by now, a link, and a file', async () => {
    using folders = scene();
    const [, path] = folders.words('a');
    symlinkSync(path, `${folders.folder}/link`);
    writeFileSync(`${folders.folder}/file`, '');
    const [device] = folders.words('b');
    for (const [words, errno] of [
      [['250:250', path], ESTALE],
      [[device, `${folders.folder}/link`], ELOOP],
      [[device, `${folders.folder}/file`], ENOTDIR],
    ] as const) {
      const freezer = folders.run(['--deadline-ms', '60000', ...folders.words('first'), ...words]);
      freezer.tell('F');
      const { status, lines } = await freezer.ended;
      // Which of the two a link is refused with is the kernel's choice.
      const said = lines[0] === `unopened 1 ${ENOTDIR}` && errno === ELOOP ? ELOOP : Number(lines[0]?.split(' ')[2]);
      assert.deepEqual([status, said], [1, errno]);
    }
    assert.deepEqual(folders.asked, []);
  });

  it('thaws whatever anybody froze with --thaw', async () => {
    using folders = scene();
    const { status, lines } = await folders.start(['a', 'awake', 'b'], ['--thaw']).ended;

    assert.deepEqual([status, lines], [0, ['thawed 2 0', `thawed 1 ${EINVAL}`, 'thawed 0 0', 'end told 0']]);
  });

  it('has a session of its own, nothing open that it does not need, and is the last to go when memory runs out', async () => {
    using folders = scene();
    const freezer = folders.start(['a']);
    await freezer.says('ready 1 1');
    const pid = freezer.child.pid ?? 0;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    assert.equal(Number(stat[3]), pid, 'its session');
    const adjust = readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim();
    const capabilities = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]}`);
    if ((capabilities & capSysResource) !== 0n) assert.equal(adjust, '-1000');
    // Standard input, output and error; the folder; signals, clock, and a bell each way for the thread that freezes.
    assert.equal(readdirSync(`/proc/${pid}/fd`).length, 8);
    freezer.child.stdin?.end();
    await freezer.ended;
  });

  it('wants to be started by the library', () => {
    for (const words of [
      [],
      ['--deadline-ms', '0', '1:1', '/'],
      ['1:1', '/'],
      ['--deadline-ms', '5', '1:1'],
      ['--what'],
      ['--thaw', '1', '/'],
    ]) {
      if (words.length === 0) assert.equal(spawnSync(freezerPath(), words).status, 2);
      else assert.equal(spawnSync(freezerPath(), words, { input: '' }).status, 2, words.join(' '));
    }
  });
});

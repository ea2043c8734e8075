// SPDX-License-Identifier: MIT
//
// A real file system, frozen: who writes waits, and it is thawed whatever happens. Takes a file system of its own; nothing else
// of this machine is frozen.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freezerPath } from '../../dist/native/freezer-path.js';
import { Freezer } from '../../dist/services/backup/freezer.js';
import { thawTargets } from '../../dist/services/backup/thaw.js';
import { mountOwnDisk } from './freezer-disk.js';

const disk = mountOwnDisk();
const skip = typeof disk === 'string' ? disk : false;
const target = typeof disk === 'string' ? { point: '/nowhere', device: '0:0' } : disk.target;
const note = join(target.point, 'note');
after(() => (typeof disk === 'string' ? undefined : disk[Symbol.dispose]()));

/** A process that writes to the disk; `written` when it could. */
function write(text: string): { readonly child: ChildProcess; readonly written: Promise<unknown> } {
  const child = spawn('sh', ['-c', `echo ${text} > ${note}`], { stdio: 'ignore' });
  return { child, written: once(child, 'close') };
}

/** Resolves when the writer is inside the kernel and does not get on. */
async function isWaiting({ pid }: ChildProcess): Promise<void> {
  for (;;) {
    const stack = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] ?? '';
    if (stack.startsWith('D')) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const open = (deadlineMs = 60_000, signal?: AbortSignal): Promise<Freezer> =>
  Freezer.open([target], { deadlineMs, signal });

describe('a frozen file system', { skip }, () => {
  afterEach(async () => {
    await thawTargets([target], freezerPath());
  });

  it('makes a writer wait until it is thawed', async () => {
    const freezer = await open();
    await freezer.freeze();
    const writer = write('late');
    await isWaiting(writer.child);
    const end = await freezer.thaw();
    await writer.written;

    assert.deepEqual(end, { isWhole: true, reason: 'told', stillFrozen: [], thawedByOthers: [] });
    assert.equal(readFileSync(note, 'utf8'), 'late\n');
  });

  it('is thawed at its deadline, and was not held whole then', async () => {
    const freezer = await open(1000);
    await freezer.freeze();
    await write('after the deadline').written;

    const { isWhole, reason } = await freezer.thaw();
    assert.deepEqual([isWhole, reason], [false, 'deadline']);
  });

  it('is thawed when its script is killed', async () => {
    const program = fileURLToPath(new URL('freezer-child.js', import.meta.url));
    const script = spawn(process.execPath, [program, target.point, target.device], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(script.stdout, 'data')) as [Buffer];
    assert.match(String(said), /^frozen by/);
    const writer = write('after the script');
    await isWaiting(writer.child);
    script.kill('SIGKILL');
    await writer.written;

    assert.equal(readFileSync(note, 'utf8'), 'after the script\n');
  });

  it('is thawed by another freezer when its own is killed', async () => {
    const freezer = await open();
    await freezer.freeze();
    process.kill(freezer.pid ?? 0, 'SIGKILL');
    const end = await freezer.ended;
    await write('after the freezer').written;

    assert.deepEqual(end, { isWhole: false, reason: 'killed', stillFrozen: [], thawedByOthers: [] });
  });

  it('is thawed when the script gives up', async () => {
    const given = new AbortController();
    const freezer = await open(60_000, given.signal);
    await freezer.freeze();
    given.abort(new Error('enough'));
    await write('given up').written;

    assert.equal((await freezer.ended).reason, 'closed');
    await assert.rejects(open(60_000, given.signal), /enough/);
  });

  it('that somebody else froze is left to him', async () => {
    const first = await open();
    await first.freeze();
    const second = await open();
    await second.freeze();
    assert.deepEqual([second.points, second.foreign], [[], [target.point]]);
    await second.thaw();
    const writer = write('late');
    await isWaiting(writer.child);
    await first.thaw();
    await writer.written;
  });

  it('that somebody else thaws was not held whole', async () => {
    const freezer = await open();
    await freezer.freeze();
    assert.deepEqual(await thawTargets([target], freezerPath()), [{ point: target.point, was: 'frozen', errno: null }]);

    const end = await freezer.thaw();
    assert.deepEqual([end.isWhole, end.thawedByOthers], [false, [target.point]]);
  });

  it('is not frozen at all when another one can not be', async () => {
    const proc = { point: '/proc', device: '0:0' };
    await assert.rejects(Freezer.open([target, proc], { deadlineMs: 60_000 }), {
      code: 'ERR_VMBUS_SYSTEM',
      errno: constants.errno.ESTALE,
      path: '/proc',
    });
    await write('free').written;
  });
});

describe('a freezer', () => {
  it('that is not there is named, with the way to get one', async () => {
    await assert.rejects(Freezer.open([], { deadlineMs: 1000, program: '/nowhere/vmbus-freezer' }), {
      code: 'ERR_VMBUS_NATIVE_LOAD',
      path: '/nowhere/vmbus-freezer',
    });
  });

  it('of another version is not used', async () => {
    await assert.rejects(Freezer.open([], { deadlineMs: 1000, program: '/bin/true' }), { code: 'ERR_VMBUS_CLOSED' });
  });
});

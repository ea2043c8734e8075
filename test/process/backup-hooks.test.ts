// SPDX-License-Identifier: MIT
//
// Hooks of a backup: order, what is not run and why, hooks that hang, fail or print without end, and the thaw that each of them
// gets all the same.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type BackupEvent, type BackupSettings, freezeMachine, listBackupHooks } from '../../dist/index.js';
import { runHook } from '../../dist/services/backup/hook-run.js';

let root: string;
let hooks: string;
let events: BackupEvent[];

beforeEach(() => {
  // A root other than `/`: no file system of this machine is frozen.
  root = mkdtempSync(join(tmpdir(), 'vmbus-hooks-'));
  hooks = join(root, 'backup.d');
  mkdirSync(hooks, { mode: 0o755 });
  events = [];
});
afterEach(() => rmSync(root, { recursive: true }));

function hook(name: string, script: string, mode = 0o755): string {
  const path = join(hooks, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, mode);
  return path;
}

const log = (): string[] =>
  existsSync(join(root, 'log')) ? readFileSync(join(root, 'log'), 'utf8').trim().split('\n') : [];
const noting = (name: string): string => hook(name, `echo ${name} $1 >> ${root}/log`);
const settings = (more: BackupSettings = {}): BackupSettings => ({
  root,
  hooks,
  onEvent: (event) => events.push(event),
  ...more,
});
const kinds = (): string[] => events.map(({ kind }) => kind);

/** Events are told after the thaw, each in a microtask of its own. */
const told = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('hooks', () => {
  it('run by name for the freeze and the other way round for the thaw, the script outside of all', async () => {
    for (const name of ['20-b', '10-a', '30-c']) noting(name);
    const calls: string[] = [];
    const frozen = await freezeMachine(
      settings({
        freeze: () => void calls.push(`script freeze after ${log().length}`),
        thaw: ({ reason }) => void calls.push(`script thaw ${reason} after ${log().length}`),
        commands: { freeze: `echo command freeze >> ${root}/log`, thaw: `echo command thaw >> ${root}/log` },
      }),
    );
    assert.equal(frozen.isWhole, true);
    await frozen.thaw();

    assert.deepEqual(log(), [
      ...['command freeze', '10-a freeze', '20-b freeze', '30-c freeze'],
      ...['30-c thaw', '20-b thaw', '10-a thaw', 'command thaw'],
    ]);
    assert.deepEqual(calls, ['script freeze after 0', 'script thaw asked after 8']);
  });

  it('are told of after the thaw, with the time of each', async () => {
    noting('10-a');
    const frozen = await freezeMachine(settings());
    await told();
    assert.equal(events.length, 0);
    await frozen.thaw();
    await told();

    assert.deepEqual(kinds(), ['freezing', 'hook', 'frozen', 'hook', 'thawed']);
    const times = events.map(({ time }) => time.getTime());
    assert.deepEqual(times, [...times].sort());
  });

  it('that fails refuses the freeze, and gets its thaw like those before it; those after it are left alone', async () => {
    noting('10-a');
    hook('20-bad', `echo 20-bad $1 >> ${root}/log; [ $1 = thaw ] || { echo the disk is on fire >&2; exit 7; }`);
    noting('30-c');
    await assert.rejects(freezeMachine(settings()), (error: unknown) => {
      const { code, message } = error as { code: string; message: string };
      assert.deepEqual(
        [code, message],
        ['ERR_VMBUS_REFUSED', '20-bad freeze failed with status 7: the disk is on fire'],
      );
      return true;
    });
    assert.deepEqual(log(), ['10-a freeze', '20-bad freeze', '20-bad thaw', '10-a thaw']);
  });

  it('that hangs is killed with all that it started, and the freeze is refused', async () => {
    hook('10-hangs', `[ $1 = thaw ] && exit 0; sleep 1000 & echo $! > ${root}/child; trap '' TERM; wait; sleep 1000`);
    await assert.rejects(freezeMachine(settings({ hookTimeoutMs: 300 })), {
      message: /^10-hangs freeze took longer than \d+ ms and was killed$/,
    });
    const child = Number(readFileSync(join(root, 'child'), 'utf8'));
    assert.throws(() => process.kill(child, 0), { code: 'ESRCH' });
  });

  it('that hangs in its thaw does not keep the others from theirs', async () => {
    hook('10-a', `sleep 0.3; echo 10-a $1 >> ${root}/log`);
    hook('20-hangs', '[ $1 = freeze ] || sleep 1000');
    const frozen = await freezeMachine(settings({ hookTimeoutMs: 3000 }));
    await assert.rejects(frozen.thaw(), { code: 'ERR_VMBUS_REFUSED' });
    await told();

    assert.deepEqual(log(), ['10-a freeze', '10-a thaw']);
    assert.ok(kinds().includes('thaw-failed'));
  });

  it('that is not executable, or open to others, is a loud mistake before anything runs', async () => {
    noting('10-a');
    for (const [mode, says] of [
      [0o644, /20-x is not executable/],
      [0o777, /20-x may be written to by others/],
    ] as const) {
      hook('20-x', 'exit 0', mode);
      await assert.rejects(freezeMachine(settings()), { code: 'ERR_VMBUS_REFUSED', message: says });
    }
    mkdirSync(join(hooks, '30-folder'));
    assert.deepEqual(
      listBackupHooks(hooks).map(({ name, problem }) => [name, problem]),
      [
        ['10-a', null],
        ['20-x', 'may be written to by others'],
        ['30-folder', 'is no file'],
      ],
    );
    assert.deepEqual(log(), []);
  });

  it('are not what editors and packages leave behind', () => {
    for (const name of ['.hidden', 'a~', 'README', 'b.dpkg-old', 'c.rpmsave', 'd.disabled', 'e.swp', '10-real'])
      noting(name);

    assert.deepEqual(
      listBackupHooks(hooks).map(({ name }) => name),
      ['10-real'],
    );
  });

  it('in a folder that is not there are missed', async () => {
    await assert.rejects(freezeMachine(settings({ hooks: join(root, 'none') })), { code: 'ERR_VMBUS_SYSTEM' });
  });
});

describe('a hook', () => {
  const run = (script: string, timeoutMs = 20_000) =>
    runHook({ name: 'x', words: [hook('x', script), 'freeze'] }, { timeoutMs, env: { VMBUS_PHASE: 'freeze' } });

  it('may print without end: the end of it is kept', async () => {
    const { problem, output, droppedBytes } = await run('yes 0123456789 | head -c 1000000; echo last words >&2');

    assert.equal(problem, null);
    assert.ok(output.length <= 8192 && output.endsWith('last words'), `${output.length}: ${output.slice(-40)}`);
    assert.equal(droppedBytes, 1_000_000 + 11 - 8192);
  });

  it('may leave a process behind that holds a lock and its output', async () => {
    const { problem, output } = await run(`sleep 1000 & echo $! > ${root}/child; echo locked`);
    process.kill(Number(readFileSync(join(root, 'child'), 'utf8')), 'SIGKILL');

    assert.deepEqual([problem, output], [null, 'locked']);
  });

  it('is told the phase, and gets no variables of ours', async () => {
    process.env.VMBUS_TEST_SECRET = 'x';
    const { output } = await run('echo "$1 $VMBUS_PHASE $VMBUS_TEST_SECRET $PWD"');
    delete process.env.VMBUS_TEST_SECRET;

    assert.equal(output, 'freeze freeze  /');
  });

  it('that can not be started says why', async () => {
    const { problem } = await runHook({ name: 'x', words: ['/nowhere'] }, { timeoutMs: 1000, env: {} });

    assert.match(problem ?? '', /could not be started: .*ENOENT/);
  });
});

describe('a callback', () => {
  it('that fails refuses the freeze and gets its thaw', async () => {
    noting('10-a');
    const reasons: string[] = [];
    const freeze = (): never => {
      throw new Error('no backup on Sundays');
    };
    await assert.rejects(
      freezeMachine(settings({ freeze, thaw: ({ reason }) => void reasons.push(reason) })),
      /Sundays/,
    );

    assert.deepEqual([reasons, log()], [['failed'], []]);
  });

  it('that never comes to its end is given up', async () => {
    const never = (): Promise<void> => new Promise(() => undefined);
    await assert.rejects(freezeMachine(settings({ freeze: never, hookTimeoutMs: 30 })), { code: 'ERR_VMBUS_TIMEOUT' });
  });
});

describe('a machine at rest', () => {
  it('is thawed at the deadline, and that is no whole backup', async () => {
    noting('10-a');
    let isThawed: () => void = () => undefined;
    const thawed = new Promise<void>((resolve) => {
      isThawed = resolve;
    });
    const frozen = await freezeMachine(settings({ deadlineMs: 30, thaw: () => isThawed() }));
    await thawed;
    await assert.rejects(frozen.thaw(), { code: 'ERR_VMBUS_REFUSED' });
    await told();

    assert.equal(frozen.isWhole, false);
    assert.deepEqual(log(), ['10-a freeze', '10-a thaw']);
    assert.ok(events.some((event) => event.kind === 'thawed' && event.reason === 'deadline'));
  });

  it('is thawed when its scope is left', async () => {
    noting('10-a');
    {
      await using frozen = await freezeMachine(settings());
      assert.equal(frozen.isWhole, true);
    }
    assert.deepEqual(log(), ['10-a freeze', '10-a thaw']);
  });

  it('is not made where the freeze is given up in the middle of a hook', async () => {
    const given = new AbortController();
    hook('10-a', `echo 10-a $1 >> ${root}/log; [ $1 = thaw ] || sleep 1000`);
    const freeze = (): void => void setImmediate(() => given.abort(new Error('enough')));
    await assert.rejects(freezeMachine({ ...settings({ freeze }), signal: given.signal }));

    assert.equal(log().at(-1) ?? '10-a thaw', '10-a thaw');
  });
});

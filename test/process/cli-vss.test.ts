// SPDX-License-Identifier: MIT
//
// `hv vss` from outside: what it prints, its status, and a service that a simulated kernel asks. Every run has a root of its own, so
// that no file system of this machine is frozen.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type BackupEvent, recoverBackups } from '../../dist/index.js';
import { VssOperation } from '../../dist/protocol/vss.js';
import { done, failed, VssKernel } from '../channel/vss-kernel.js';
import { type Run, run, start } from './cli-run.js';

const { freeze, thaw, hotBackup } = VssOperation;
const mounts = `\
27 1 8:1 / / rw - ext4 /dev/sda1 rw
28 27 0:25 / /run rw - tmpfs tmpfs rw
40 27 8:15 / /boot/efi rw - vfat /dev/sda15 rw
41 27 8:32 / /var/lib/my\\040data rw - xfs /dev/sdc rw
`;
const stick = '50 27 8:48 / /media/stick rw - exfat /dev/sdd1 rw\n';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vmbus-cli-vss-'));
  mkdirSync(join(root, 'hooks'), { mode: 0o755 });
});
afterEach(() => rmSync(root, { recursive: true }));

function putMounts(text: string): void {
  mkdirSync(join(root, 'proc/self'), { recursive: true });
  writeFileSync(join(root, 'proc/self/mountinfo'), text);
}

function hook(name: string, script: string, mode = 0o755): void {
  writeFileSync(join(root, 'hooks', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, 'hooks', name), mode);
}

const vss = (...words: string[]): Promise<Run> => run(['vss', ...words, '--root', root]);
const log = (): string[] =>
  existsSync(join(root, 'log')) ? readFileSync(join(root, 'log'), 'utf8').trim().split('\n') : [];

describe('hv vss explain', () => {
  it('shows every disk with what becomes of it', async () => {
    putMounts(mounts);
    const { status, stdout, stderr } = await vss('explain');

    assert.equal(status, 0);
    assert.match(stdout, /^\/ +ext4 +\/dev\/sda1 +freezes it \(2 of 2\)$/m);
    assert.match(stdout, /^\/var\/lib\/my data +xfs +\/dev\/sdc +freezes it \(1 of 2\)$/m);
    assert.match(stdout, /^\/boot\/efi +vfat +\/dev\/sda15 +skips it: /m);
    assert.match(stderr, /1 more mount is on no disk/);
  });

  it('fails where a freeze would, and says what to do', async () => {
    putMounts(mounts + stick);
    const { status, stdout } = await vss('explain');
    assert.equal(status, 1);
    assert.match(stdout, /\/media\/stick .* would fail: exfat can't be frozen; leave it out, or unmount it/);
    assert.equal((await vss('explain', '--leave-out', '/media/stick')).status, 0);
  });

  it('prints a document', async () => {
    putMounts(mounts + stick);
    hook('10-db', 'exit 0', 0o644);
    const { status, stdout } = await vss('explain', '--json', '--hooks', join(root, 'hooks'));
    const { schema, isReady, order, obstacles, hooks } = JSON.parse(stdout) as Record<string, unknown[]>;

    assert.deepEqual([status, schema, isReady], [1, 'vmbus.vss-plan/1', false]);
    assert.deepEqual(order, [
      { point: '/var/lib/my data', device: '8:32' },
      { point: '/', device: '8:1' },
    ]);
    assert.equal(obstacles?.length, 1);
    assert.deepEqual(hooks, [{ name: '10-db', path: join(root, 'hooks/10-db'), problem: 'is not executable' }]);
  });
});

describe('hv vss dry-run', () => {
  it('lists the steps and runs none', async () => {
    hook('10-db', `echo $1 >> ${root}/log`);
    const { status, stdout } = await vss('dry-run', '--hooks', join(root, 'hooks'), '--on-thaw', 'true');

    assert.equal(status, 0);
    assert.match(stdout, /1 {2}run 10-db freeze\n.*2 {2}tell the host.*\n.*3 {2}run 10-db thaw\n.*4 {2}run true/);
    assert.deepEqual(log(), []);
  });

  it('with --freeze runs the hooks, and tells how long they took', async () => {
    hook('10-db', `echo $1 >> ${root}/log; echo said $1`);
    const { status, stdout } = await vss('dry-run', '--freeze', '--hooks', join(root, 'hooks'));

    assert.equal(status, 0);
    assert.match(stdout, /freeze 10-db: ok in \d+ ms\n.*said freeze\n.*frozen in \d+ ms\n.*thaw 10-db: ok in/);
    assert.deepEqual(log(), ['freeze', 'thaw']);
  });

  it('fails for a mount that can not be frozen, and names it', async () => {
    putMounts(mounts + stick);
    const { status, stderr } = await vss('dry-run');

    assert.equal(status, 1);
    assert.match(stderr, /\/media\/stick \(\/dev\/sdd1\) exfat can't be frozen/);
  });
});

describe('hv vss serve', () => {
  it('freezes and thaws for the host, and tells of it after the thaw', async () => {
    await using kernel = await VssKernel.start();
    hook('10-db', `echo $1 >> ${root}/log`);
    const words = ['vss', 'serve', '--root', kernel.root, '--json', '--hooks', join(root, 'hooks')];
    const serving = start(words);
    await serving.saw(/"state":"ready"/);
    assert.equal(await kernel.ask(hotBackup), done);
    assert.equal(await kernel.ask(freeze), done);
    assert.deepEqual(log(), ['freeze']);
    assert.equal(await kernel.ask(thaw), done);
    await serving.saw(/"kind":"thawed"/);
    serving.child.kill('SIGINT');
    const { status, stdout } = await serving.ended;

    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { schema: string } & BackupEvent);
    assert.ok(events.every(({ schema }) => schema === 'vmbus.vss-event/1'));
    const kinds = events.map((event) => (event.kind === 'state' ? event.state : event.kind));
    assert.deepEqual(kinds.slice(kinds.indexOf('ready')), [
      'ready',
      'freezing',
      'hook',
      'frozen',
      'hook',
      'thawed',
      'closed',
    ]);
    assert.deepEqual([status, log()], [130, ['freeze', 'thaw']]);
  });

  it('refuses a freeze when a hook fails, and says why', async () => {
    await using kernel = await VssKernel.start();
    hook('10-db', '[ $1 = thaw ] || { echo no space; exit 3; }');
    const serving = start(['vss', 'serve', '--root', kernel.root, '--hooks', join(root, 'hooks')]);
    await serving.saw(/the service is ready/);
    assert.equal(await kernel.ask(freeze), failed);
    await serving.saw(/refused: 10-db freeze failed with status 3: no space/);
    serving.child.kill('SIGTERM');

    assert.equal((await serving.ended).status, 143);
  });

  it('thaws at Ctrl-C in the middle of a backup', async () => {
    await using kernel = await VssKernel.start();
    const serving = start([
      'vss',
      'serve',
      '--root',
      kernel.root,
      '--on-thaw',
      `echo thaw $VMBUS_REASON >> ${root}/log`,
    ]);
    await serving.saw(/the service is ready/);
    assert.equal(await kernel.ask(freeze), done);
    serving.child.kill('SIGINT');
    await serving.ended;

    assert.deepEqual(log(), ['thaw closed']);
  });

  it('tells the host of a thaw that came after the deadline', async () => {
    await using kernel = await VssKernel.start();
    const serving = start(['vss', 'serve', '--root', kernel.root, '--deadline', '50ms']);
    await serving.saw(/the service is ready/);
    assert.equal(await kernel.ask(freeze), done);
    await serving.saw(/thawed after \d+ ms \(deadline\)/);
    assert.equal(await kernel.ask(thaw), failed);
    serving.child.kill('SIGINT');
    await serving.ended;
  });

  it('is refused while somebody has the device, and where there is none', async () => {
    await using kernel = await VssKernel.start();
    const serving = start(['vss', 'serve', '--root', kernel.root]);
    await serving.saw(/the service is ready/);
    const { status, stderr } = await run(['vss', 'serve', '--root', kernel.root]);
    assert.deepEqual([status, /only one can/.test(stderr)], [5, true], stderr);
    serving.child.kill('SIGINT');
    await serving.ended;

    assert.equal((await vss('serve')).status, 3);
  });

  it('does not start with a hook that can not be run', async () => {
    hook('10-db', 'exit 0', 0o644);
    const { status, stderr } = await vss('serve', '--hooks', join(root, 'hooks'));
    assert.equal(status, 1);
    assert.match(stderr, /10-db is not executable/);
  });

  it('wakes up at its start what a run before had brought to rest that was killed', async () => {
    await using kernel = await VssKernel.start();
    hook('10-db', `echo $1 >> ${root}/log`);
    const words = ['vss', 'serve', '--root', kernel.root, '--hooks', join(root, 'hooks')];
    const killed = start(words);
    await killed.saw(/the service is ready/);
    await kernel.ask(freeze);
    assert.deepEqual(await recoverBackups({ root: kernel.root }), [], 'while it lives nothing is taken from it');
    killed.child.kill('SIGKILL');
    await killed.ended;
    assert.deepEqual(log(), ['freeze']);
    const next = start(words);
    await next.saw(new RegExp(`what process ${killed.child.pid} had brought to rest`));
    assert.deepEqual(log(), ['freeze', 'thaw']);
    next.child.kill('SIGINT');
    await next.ended;
    assert.deepEqual(await recoverBackups({ root: kernel.root }), []);
  });
});

describe('hv vss', () => {
  it('says what it can do', async () => {
    const { status, stderr } = await run(['vss']);
    assert.deepEqual([status, /explain, dry-run, serve or thaw/.test(stderr)], [2, true]);
    assert.equal((await vss('serve', '--deadline', 'soon')).status, 2);
  });

  it('thaws no file system of a tree that is not this machine', async () => {
    putMounts(mounts);
    const { status, stderr } = await vss('thaw');
    assert.equal(status, 1);
    assert.match(stderr, /is not this machine's/);
  });
});

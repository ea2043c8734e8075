// SPDX-License-Identifier: MIT
//
// Files for a guest through our own command in it: over /dev/vmbus/hv_fcopy on 6.1, over uio_hv_generic and the channel on newer
// kernels, where `hv fcopy serve` binds the device itself if the kernel has not.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { type FcopyProvider, fcopy } from '../../../dist/host/index.js';
import { projectFiles } from '../guest-project.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize, kernel } from './host-world.js';
import { type Line, linesOf } from './support/guest-lines.js';

const patient = { timeoutMs: 180_000 };
const hasDevice = kernel === '6.1';
const mebibyte = 1024 * 1024;
const sizes = [0, 1, 6144, mebibyte + 5, (isFullSize ? 64 : 8) * mebibyte];
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

let files: FcopyProvider = fcopy();
let world: HostWorld;
let receiver: ReturnType<typeof serve>;

before(async () => {
  world = await bootWorld({
    devices: [files],
    modules: [hasDevice ? 'hv_utils' : 'uio_hv_generic'],
    node: true,
    memoryMiB: isFullSize ? 1024 : 512,
  });
  await world.machine.put(await projectFiles());
  await sh(
    'mkdir -p /tmp/inbox /tmp/small && mount -t tmpfs -o size=96m tmpfs /tmp/inbox && mount -t tmpfs -o size=256k tmpfs /tmp/small',
  );
  receiver = serve('--into /tmp/inbox=0604 --into /tmp/small --overwrite --create-folders --fsync --wait');
  await files.ready(patient);
});
after(async () => endWorld(world));

const sh = async (command: string): Promise<string> => (await world.machine.must(command)).trim();
const everything = (): Promise<string> => sh('cd /tmp && find inbox small -mindepth 1 | sort | tr "\\n" " "');

/** The command in the guest, and what it tells. */
function serve(words: string) {
  const guest = world.machine.start(
    `cd /app && echo $$ > /tmp/hv.pid && exec node dist/cli/main.js --json fcopy serve ${words}`,
  );
  const { next, errors } = linesOf(guest);
  return {
    kill: () => guest.kill(),
    ended: guest.ended,
    errors,
    saw: (kind: string): Promise<Line> => next((line) => line.kind === kind),
  };
}

/** That the guest refused, and what it said. */
const refusedWith = (status: string) => (error: { code?: string; facts?: object }) => {
  assert.equal(error.code, 'ERR_VMBUS_REFUSED');
  assert.match(JSON.stringify(error.facts), new RegExp(status));
  return true;
};

describe('hv fcopy serve in a guest', () => {
  it('uses the way that this kernel has', async () => {
    const { transport } = await receiver.saw('listening');
    assert.equal(transport, hasDevice ? 'device' : 'channel');
  });

  for (const size of sizes) {
    it(`receives ${size} bytes`, { timeout: 900_000 }, async () => {
      const data = randomBytes(size);
      const started = performance.now();
      await files.send(data, { path: '/tmp/inbox/größe', name: `😀 ${size}`, createPath: true });
      const seconds = (performance.now() - started) / 1000;
      console.log(`[lab] ${size} bytes in ${seconds.toFixed(1)} s`);
      const path = `/tmp/inbox/größe/😀 ${size}`;
      const told = await receiver.saw('received');
      assert.deepEqual([told.path, told.sizeBytes, told.sha256], [path, size, sha256(data)]);
      assert.equal((await sh(`sha256sum < '${path}'`)).split(' ')[0], sha256(data));
      assert.equal(await sh(`stat -c '%a %u %s' '${path}'; rm '${path}'`), `604 0 ${size}`);
    });
  }

  it('replaces a file, and leads nowhere else', async () => {
    const place = { path: '/tmp/inbox', name: 'once' };
    await files.send(Buffer.from('first\n'), place);
    await assert.rejects(files.send(Buffer.from('second\n'), place), refusedWith('fileExists'));
    await files.send(Buffer.from('second\n'), { ...place, overwrite: true });
    assert.equal(await sh('cat /tmp/inbox/once; rm /tmp/inbox/once'), 'second');
    await sh('ln -s /etc /tmp/inbox/link');
    for (const path of ['/etc', '/tmp/inbox/../../etc', '/tmp/inbox/link', 'C:\\inbox'])
      await assert.rejects(files.send(Buffer.from('x'), { path, name: 'evil' }), { code: 'ERR_VMBUS_REFUSED' }, path);
    await assert.rejects(
      files.send(Buffer.from('x'), { path: '/tmp/inbox', name: '../evil' }),
      refusedWith('invalidName'),
    );
    await sh('rm /tmp/inbox/link && ! ls -d /etc/evil /tmp/evil 2> /dev/null');
  });

  it('leaves nothing of a file that the host gives up, and takes the next', async () => {
    const control = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(6144).fill(1);
      control.abort();
      yield new Uint8Array(6144).fill(2);
    }
    const place = { path: '/tmp/inbox/new', name: 'given-up', createPath: true };
    const given = files.send(endless(), { ...place, sizeBytes: 12_288, signal: control.signal });
    await assert.rejects(given, { name: 'AbortError' });
    const { error } = await failureOf('/tmp/inbox/new/given-up');
    assert.match(JSON.stringify(error), /the host gave the file up/);
    await files.send(Buffer.from('next\n'), { path: '/tmp/inbox', name: 'next' });
    assert.equal(await everything(), 'inbox/größe inbox/next');
    await sh('rm -r /tmp/inbox/*');
  });

  it('leaves nothing where the disk is full', async () => {
    const place = { path: '/tmp/small', name: 'large' };
    await assert.rejects(files.send(new Uint8Array(mebibyte), place), refusedWith('diskFull'));
    async function* filling(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(6144);
      await world.machine.run('dd if=/dev/zero of=/tmp/small/hog bs=4k');
      for (let i = 0; i < 20; i++) yield new Uint8Array(6144);
    }
    await assert.rejects(files.send(filling(), { ...place, sizeBytes: 21 * 6144 }), refusedWith('diskFull'));
    await failureOf('/tmp/small/large', 2);
    assert.equal(await everything(), 'small/hog');
    await sh('rm /tmp/small/hog');
  });

  it('survives the service going in the middle of a file, and coming back', async () => {
    const gone = files;
    async function* cutOff(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(6144);
      world.host.rescind(gone.name);
      for (;;) yield new Uint8Array(6144);
    }
    const place = { path: '/tmp/inbox', name: 'cut-off' };
    await assert.rejects(gone.send(cutOff(), { ...place, sizeBytes: mebibyte }));
    await failureOf('/tmp/inbox/cut-off');
    assert.equal(await everything(), '');

    files = fcopy();
    world.host.add(files);
    await files.ready(patient);
    // A kernel with a driver of its own agrees with the host before anybody has registered with it.
    while ((await receiver.saw('state')).state !== 'ready');
    await files.send(Buffer.from('again\n'), place);
    assert.equal(await sh('cat /tmp/inbox/cut-off; rm /tmp/inbox/cut-off'), 'again');
  });

  it('ends at SIGINT with nothing left, and can be started again', async () => {
    await sh('kill -INT $(cat /tmp/hv.pid)');
    assert.equal(await receiver.ended, 130, receiver.errors());
    const explained = JSON.parse(await sh('cd /app && node dist/cli/main.js --json fcopy explain')) as {
      service: { holder: unknown };
    };
    assert.equal(explained.service.holder, null);
    receiver = serve('--into /tmp/inbox --once');
    await receiver.saw('listening');
    await files.ready(patient);
    await files.send(Buffer.from('once\n'), { path: '/tmp/inbox', name: 'once' });
    assert.equal(await receiver.ended, 0, receiver.errors());
    assert.equal(await everything(), 'inbox/once');
  });

  it('does what docs/file-copy.md says', async () => {
    await sh('echo app:x:990:990::/:/bin/sh >> /etc/passwd && echo app:x:990: >> /etc/group');
    await sh(`printf '#!/bin/sh\\necho $HV_FILE_SIZE "$@" > /tmp/imported\\n' > /app/import && chmod +x /app/import`);
    await sh('install -d -m 0750 -o app -g app /srv/inbox');
    const rules = '--into /srv/inbox=0640,app:app --max-size 2G --create-folders';
    receiver = serve(`${rules} --on-file './import --file={}'`);
    await receiver.saw('listening');
    await files.ready(patient);
    await files.send(Buffer.from('report\n'), { path: '/srv/inbox', name: 'report.txt', createPath: true });
    assert.equal((await receiver.saw('hook')).status, 0);
    assert.equal(await sh('stat -c "%a %u %g" /srv/inbox/report.txt'), '640 990 990');
    assert.equal(await sh('cat /tmp/imported'), '7 --file=/srv/inbox/report.txt');
    await assert.rejects(files.send(Buffer.from('x'), { path: '/etc/cron.d', name: 'x' }), refusedWith('accessDenied'));
    const { error } = await receiver.saw('failed');
    assert.match(JSON.stringify(error), /is not one for files of the host/);
    receiver.kill();
    await receiver.ended;
  });
});

/** Reads on to the failure of a file. @param count Which one, as they are told once each */
async function failureOf(path: string, count = 1): Promise<Line> {
  for (let left = count; ; ) {
    const line = await receiver.saw('failed');
    if (line.path === path) left -= 1;
    if (left === 0) return line;
  }
}

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});

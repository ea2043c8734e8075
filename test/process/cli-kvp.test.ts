// SPDX-License-Identifier: MIT
//
// `hv kvp` and `hv host` as they are typed: what they print, in text and JSON, and with which status they end.

import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, truncateSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Run, run, start } from './cli-run.js';
import { type KvpScene, makeScene } from './kvp-scene.js';

const hv = (scene: KvpScene, words: string, input?: string): Promise<Run> =>
  run(['--root', scene.root, ...words.split(' ')], input === undefined ? {} : { input });
const json = async (scene: KvpScene, words: string, input?: string): Promise<Record<string, unknown>> =>
  JSON.parse((await hv(scene, `${words} --json`, input)).stdout) as Record<string, unknown>;

describe('hv kvp', () => {
  it('sets, gets, lists and deletes', async () => {
    using scene = makeScene();

    assert.match((await hv(scene, 'kvp set phase ready')).stdout, /phase is set in the pool guest/);
    assert.match((await hv(scene, 'kvp set phase ready')).stdout, /was so already/);
    assert.deepEqual(await hv(scene, 'kvp get phase').then(({ status, stdout }) => [status, stdout]), [0, 'ready\n']);
    assert.match((await hv(scene, 'kvp ls')).stdout, /^guest +phase +ready$/m);
    assert.equal((await hv(scene, 'kvp del phase')).status, 0);
    assert.deepEqual(scene.records(1), []);
  });

  it('takes a value from standard input, without its last line end', async () => {
    using scene = makeScene();
    await hv(scene, 'kvp set a -', 'one\ntwo\n');
    await hv(scene, 'kvp set b', 'x');
    assert.deepEqual(scene.records(1), [
      ['a', 'one\ntwo'],
      ['b', 'x'],
    ]);
    assert.equal((await hv(scene, 'kvp set c -', 'v'.repeat(1023))).status, 2);
  });

  it('says where a key is that is not in this pool, with status 3', async () => {
    using scene = makeScene();
    scene.put(3, ['VirtualMachineName', 'web 1']);
    scene.put(1, ['Phase', 'x']);

    const { status, stderr } = await hv(scene, 'kvp get VirtualMachineName');
    assert.equal(status, 3);
    const hint = /hint: .*?`hv (.*?)`/.exec(stderr)?.[1] ?? '';
    assert.equal((await hv(scene, hint)).stdout, 'web 1\n');
    assert.match((await hv(scene, 'kvp get phase')).stderr, /`hv kvp get Phase`/);
    assert.match((await hv(scene, 'kvp get nothing')).stderr, /`hv kvp wait nothing`/);
    assert.equal((await hv(scene, 'kvp del nothing')).status, 3);
    assert.equal((await hv(scene, 'kvp del nothing --force')).status, 0);
  });

  it('explains the usual keys of the host', async () => {
    using scene = makeScene();
    scene.put(3, ['VirtualMachineName', 'web 1'], ['Own', 'x']);

    const { stdout, stderr } = await hv(scene, 'kvp ls');
    assert.match(stdout, /^auto-external +VirtualMachineName +web 1 +name of this virtual machine/m);
    assert.match(stderr, /auto is made when the host asks.*FullyQualifiedDomainName/);
    assert.match(stderr, /no file: auto-internal/);
  });

  it('says that there is no pool, with status 3 and the way to one', async () => {
    using scene = makeScene({ pools: [] });
    for (const words of ['kvp get a', 'kvp set a b', 'kvp ls --pool guest', 'kvp join a']) {
      const { status, stderr } = await hv(scene, words);
      assert.equal(status, 3, words);
      assert.match(stderr, /hint: .*hv doctor --only kvp/, words);
    }
    assert.equal((await hv(scene, 'kvp ls')).status, 0);
    assert.equal((await hv(scene, 'kvp set a b --create')).status, 0);
    assert.deepEqual(scene.records(1), [['a', 'b']]);
  });

  it('refuses mistakes with status 2', async () => {
    using scene = makeScene();
    for (const [words, message] of [
      ['kvp', /ls, get, set, del/],
      ['kvp ls --pool host', /auto-external/],
      ['kvp get', /missing required argument/],
      [`kvp set ${'k'.repeat(255)} v`, /255 UTF-16 units.*254/],
      ['kvp wait a --timeout soon', /duration/],
    ] as const) {
      const { status, stderr } = await hv(scene, words);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
    }
  });

  it('warns of secrets that everybody can read', async () => {
    using scene = makeScene();
    assert.match(
      (await hv(scene, 'kvp set db_password x')).stderr,
      /note: every user of this guest can read db_password/,
    );
    const { warnings } = await json(scene, 'kvp set db_password y');
    assert.equal((warnings as readonly { kind: string }[])[0]?.kind, 'secret-readable');
  });

  it('dumps what is odd about a file', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1'], ['a', '2'], ['A', '\u001b[31mred']);
    appendFileSync(scene.file(1), 'torn');

    const { status, stdout } = await hv(scene, 'kvp dump --pool guest');
    assert.equal(status, 0);
    assert.match(stdout, /mode +0644 +every user/);
    assert.match(stdout, /torn end +4 bytes/);
    assert.match(stdout, /double +a in records 0, 1; 0 counts/);
    assert.match(stdout, /case +a, A: one key for Windows/);
    assert.ok(!stdout.includes('\u001b'), 'control characters of a value reach the terminal');
    const { pools } = await json(scene, 'kvp dump --pool 1');
    const [pool] = pools as readonly Record<string, unknown>[];
    assert.deepEqual([pool?.tailBytes, pool?.mode, (pool?.records as unknown[] | undefined)?.length], [4, '0644', 3]);
  });

  it('reads without the right to write, and says who may write', {
    skip: process.getuid?.() !== 0 && 'not root',
  }, async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1']);
    chmodSync(scene.root, 0o755);
    const read = await run(['--root', scene.root, 'kvp', 'get', 'a'], { uid: 65534 });
    const written = await run(['--root', scene.root, 'kvp', 'set', 'a', '2'], { uid: 65534 });

    assert.deepEqual([read.status, read.stdout], [0, '1\n'], read.stderr);
    assert.equal(written.status, 4);
    assert.match(written.stderr, /as root/);
  });

  it('publishes and joins bytes of any kind', async () => {
    using scene = makeScene();
    const text = '{"text":"größe \\u00e4 😀"}'.repeat(200);
    const published = await json(scene, 'kvp publish ci.status -', text);
    const joined = await json(scene, 'kvp join ci.status');

    assert.deepEqual([published.schema, joined.schema], ['vmbus.kvp-publish/1', 'vmbus.kvp-join/1']);
    assert.equal(published.sha256, joined.sha256);
    assert.equal((await hv(scene, 'kvp join ci.status')).stdout, text);
    assert.equal((await hv(scene, 'kvp wait ci.status --join --timeout 20s')).stdout, text);
    assert.match((await hv(scene, 'kvp get ci.status')).stderr, /`hv kvp join ci.status`/);
    assert.equal((await hv(scene, 'kvp join nothing')).status, 3);
    await hv(scene, 'kvp del ci.status.0');
    assert.equal((await hv(scene, 'kvp join ci.status')).status, 1);
    assert.equal((await hv(scene, 'kvp join ci.status --wait --timeout 20ms')).status, 1);
  });

  it('has a versioned schema for each document', async () => {
    using scene = makeScene();
    for (const [words, schema] of [
      ['kvp set a 1', 'vmbus.kvp-write/1'],
      ['kvp get a', 'vmbus.kvp-value/1'],
      ['kvp wait a', 'vmbus.kvp-value/1'],
      ['kvp ls', 'vmbus.kvp-list/1'],
      ['kvp dump', 'vmbus.kvp-dump/1'],
      ['kvp del a', 'vmbus.kvp-write/1'],
    ] as const)
      assert.equal((await json(scene, words)).schema, schema, words);
    const { stderr, status } = await hv(scene, 'kvp get a --json');
    assert.equal(status, 3);
    assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'ERR_VMBUS_NO_KEY');
  });

  it('waits for a key, and gives up in time', async () => {
    using scene = makeScene();
    assert.equal((await hv(scene, 'kvp wait a --timeout 20ms')).status, 1);
    const waiting = start(['--root', scene.root, 'kvp', 'wait', 'a', '--value', '2']);
    await hv(scene, 'kvp set a 1');
    await hv(scene, 'kvp set a 2');

    assert.equal((await waiting.ended).stdout, '2\n');
  });

  it('watches until it is interrupted', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1']);
    const watching = start(['--root', scene.root, 'kvp', 'watch', '--initial', '--json']);
    await watching.saw(/"key":"a"/);
    await hv(scene, 'kvp set b 2');
    await watching.saw(/"kind":"set","key":"b","value":"2"/);
    truncateSync(scene.file(1), 0);
    const [line] = await watching.saw(/.*"kind":"truncated".*/);
    watching.child.kill('SIGINT');

    assert.equal((JSON.parse(line) as { schema: string }).schema, 'vmbus.kvp-change/1');
    assert.equal((await watching.ended).status, 130);
  });
});

describe('hv host', () => {
  it('prints what the host tells, and why something is not told', async () => {
    using scene = makeScene();
    scene.put(3, ['HostName', 'HV-01'], ['VirtualMachineName', 'web\u001b[31m 1']);

    const { status, stdout } = await hv(scene, 'host -v');
    assert.equal(status, 0);
    assert.match(stdout, /^host name +HV-01 +var\/lib\/hyperv\/\.kvp_pool_3 HostName$/m);
    assert.match(stdout, /^machine name +web\\u001b\[31m 1/m);
    assert.match(stdout, /^machine id +- +the host has not set VirtualMachineId/m);
    const { schema, hostName } = (await json(scene, 'host')) as { schema: string; hostName: Record<string, unknown> };
    assert.equal(schema, 'vmbus.host/1');
    assert.deepEqual(Object.keys(hostName), ['value', 'source', 'reason']);
  });
});

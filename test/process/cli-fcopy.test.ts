// SPDX-License-Identifier: MIT
//
// `hv fcopy` as it is typed, against a simulated host that sends files: what it prints, what it leaves, how it ends.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type FcopyProvider, fcopy, SimulatedHost } from '../../dist/host/index.js';
import { type Running, run, start } from './cli-run.js';
import { type InboxScene, makeInbox } from './inbox-scene.js';

const patient = { timeoutMs: 60_000 };
let host: SimulatedHost;
let device: FcopyProvider;

before(async () => {
  device = fcopy();
  host = await SimulatedHost.start({ devices: [device], bound: true });
});
after(() => host.close());

const serve = (scene: InboxScene, words: readonly string[], rules = ''): Running =>
  start(['--root', host.root, 'fcopy', 'serve', '--into', `${scene.folder}${rules}`, ...words]);
const records = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Sends when the command is there. */
async function send(scene: InboxScene, text: string, name = 'file', options = {}): Promise<number> {
  await device.ready(patient);
  return device.send(Buffer.from(text), { path: scene.folder, name, ...options });
}

/** Ends the command by Ctrl-C. */
async function interrupted(running: Running) {
  running.child.kill('SIGINT');
  return running.ended;
}

describe('hv fcopy serve', () => {
  it('receives one file with its mode, tells of it, and ends', async () => {
    using scene = makeInbox();
    const running = serve(scene, ['--once'], '=0604');
    await send(scene, 'hello', 'größe');
    const { status, stdout, stderr } = await running.ended;
    assert.equal(status, 0, stderr);
    assert.match(stdout, /\+ \S+größe {2}5 B in [\d.]+ s {2}sha256 2cf24dba/);
    assert.match(stderr, /note: files of the host may go to .*the device's channel/);
    const arrived = path.join(scene.folder, 'größe');
    assert.deepEqual([readFileSync(arrived, 'utf8'), statSync(arrived).mode & 0o777], ['hello', 0o604]);
  });

  it('tells everything as JSON lines, also what it refuses', async () => {
    using scene = makeInbox();
    const running = serve(scene, ['--json', '--max-size', '10']);
    await send(scene, 'hello');
    await assert.rejects(send(scene, 'hello'), { code: 'ERR_VMBUS_REFUSED' });
    await assert.rejects(send(scene, 'hello hello'), { code: 'ERR_VMBUS_REFUSED' });
    await assert.rejects(send(scene, 'x', 'evil\u001b[2J'), { code: 'ERR_VMBUS_REFUSED' });
    await running.saw(/evil/);
    const { status, stdout, stderr } = await interrupted(running);

    assert.deepEqual([status, stderr], [130, '']);
    const all = records(stdout);
    assert.ok(all.every(({ schema, time }) => schema === 'vmbus.fcopy.event/1' && typeof time === 'string'));
    const files = all.filter(({ kind }) => kind === 'received' || kind === 'failed');
    assert.deepEqual(
      files.map(({ kind, error }) => [kind, (error as { status?: string } | undefined)?.status]),
      [
        ['received', undefined],
        ['failed', 'fileExists'],
        ['failed', 'fileTooLarge'],
        ['failed', 'invalidName'],
      ],
    );
    assert.deepEqual(scene.tree(), ['inbox/file']);
  });

  it('shows a name of the host without running it in the terminal', async () => {
    using scene = makeInbox();
    const running = serve(scene, ['--once']);
    await assert.rejects(send(scene, 'x', 'evil\u001b[2J\u202e'), { code: 'ERR_VMBUS_REFUSED' });
    const { status, stdout } = await running.ended;
    assert.equal(status, 1);
    assert.match(stdout, /evil\\u001b\[2J\\u202e/);
  });

  it('replaces a file and makes folders when it is told to', async () => {
    using scene = makeInbox();
    writeFileSync(path.join(scene.folder, 'file'), 'old');
    const running = serve(scene, ['--overwrite', '--create-folders']);
    await send(scene, 'new', 'file', { overwrite: true });
    await send(scene, 'deep', 'file', { path: `${scene.folder}/a/b`, createPath: true });
    await interrupted(running);
    assert.equal(readFileSync(path.join(scene.folder, 'file'), 'utf8'), 'new');
    assert.equal(readFileSync(path.join(scene.folder, 'a/b/file'), 'utf8'), 'deep');
  });

  it('leaves nothing of a file in the middle of which it is interrupted', async () => {
    using scene = makeInbox();
    const running = serve(scene, []);
    await device.ready(patient);
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(6144);
      running.child.kill('SIGTERM');
      await running.ended;
      yield new Uint8Array(6144);
    }
    const sent = device.send(slow(), { path: scene.folder, name: 'half', sizeBytes: 12_288 });
    await assert.rejects(sent);
    assert.deepEqual(scene.tree(), []);
  });
});

describe('the command for each file', () => {
  it('gets the path as a word of its own, and in its environment', async () => {
    using scene = makeInbox();
    const name = '$(touch pwned) "x" \'y\'';
    const words = ['--once', '--json', '--on-file', `sh -c 'echo "$1|$HV_FILE|$HV_FILE_SIZE"; cat "$1"' sh {}`];
    const running = serve(scene, words);
    await send(scene, 'hello', name);
    const { status, stdout } = await running.ended;
    assert.equal(status, 0, stdout);
    const hook = records(stdout).find(({ kind }) => kind === 'hook');
    const arrived = path.join(scene.folder, name);
    assert.deepEqual([hook?.status, hook?.output], [0, `${arrived}|${arrived}|5\nhello`]);
  });

  it('that fails, or is none, is told with status 1', async () => {
    for (const [command, expected] of [
      ["sh -c 'echo no >&2; exit 7'", { status: 7, trouble: null, output: 'no\n' }],
      ['/nowhere/to/be/found', { status: 127, trouble: 'there is no such program', output: '' }],
    ] as const) {
      using scene = makeInbox();
      const running = serve(scene, ['--once', '--json', '--on-file', command]);
      await send(scene, 'hello');
      const { status: ended, stdout } = await running.ended;
      const { status, trouble, output } = records(stdout).find(({ kind }) => kind === 'hook') ?? {};
      assert.deepEqual([ended, { status, trouble, output }], [1, expected]);
    }
  });

  it('is ended with all it has started when its time is over, and of its words some are kept', async () => {
    using scene = makeInbox();
    const mark = path.join(scene.root, 'pid');
    const script = `trap "" TERM; sleep 1000 > /dev/null 2>&1 & echo $! > ${mark}; yes`;
    const running = serve(scene, ['--once', '--json', '--hook-timeout', '500ms', '--on-file', `sh -c '${script}' sh`]);
    await send(scene, 'hello');
    const { status, stdout } = await running.ended;
    const hook = records(stdout).find(({ kind }) => kind === 'hook');
    assert.deepEqual([status, String(hook?.output).length], [1, 4096]);
    assert.match(String(hook?.trouble), /longer than 500 ms/);
    assert.equal(existsSync(`/proc/${readFileSync(mark, 'utf8').trim()}/exe`), false);
  });
});

describe('hv fcopy', () => {
  it('says who receives files already, with status 5', async () => {
    using scene = makeInbox();
    const running = serve(scene, []);
    await device.ready(patient);
    const second = await serve(scene, []).ended;
    assert.equal(second.status, 5);
    assert.match(second.stderr, /another process has it[\s\S]*systemctl stop/);
    assert.match((await run(['--root', host.root, 'fcopy', 'explain'])).stdout, /held by {2}another process/);
    assert.equal((await interrupted(running)).status, 130);
  });

  it('explains where it stands, and what would become of a file', async () => {
    using scene = makeInbox();
    const explain = (...words: string[]) => run(['--root', host.root, 'fcopy', 'explain', ...words]);
    const { status, stdout } = await explain();
    assert.equal(status, 0);
    assert.match(
      stdout,
      /device {3}eb765408-\S+, driver uio_hv_generic\nway {6}its channel, \/dev\/uio\d+\nheld by {2}nobody/,
    );
    const inside = await explain('--into', scene.folder, `${scene.folder}/a/b`);
    assert.deepEqual([inside.status, inside.stdout.includes(`allowed: ${scene.folder}/a/b`)], [0, true]);
    const outside = await explain('--into', scene.folder, `${scene.folder}/../outside/x`);
    assert.deepEqual([outside.status, outside.stdout.includes('refused: ')], [1, true]);
    const json = JSON.parse((await explain('--json', '--into', scene.folder, 'C:\\x')).stdout);
    assert.deepEqual([json.schema, json.verdict.allowed], ['vmbus.fcopy/1', false]);
  });

  it('refuses mistakes with status 2, and a missing folder with 1', async () => {
    using scene = makeInbox();
    mkdirSync(path.join(scene.root, 'x'));
    for (const [words, message] of [
      [[], /serve or explain/],
      [['serve'], /--into/],
      [['serve', '--into', '/tmp=rwx'], /0640,owner:group/],
      [['serve', '--into', `${scene.folder}=,nobody-of-that-name`], /no user nobody-of-that-name/],
      [['serve', '--into', scene.folder, '--max-size', 'much'], /500M/],
      [['serve', '--into', scene.folder, '--on-file', "sh -c 'cat {}'"], /stands alone/],
      [['serve', '--into', scene.folder, '--on-file', "sh -c 'x"], /quotes/],
      [['serve', '--into', '/'], /whole machine/],
      [['explain', '/x'], /go together/],
    ] as const) {
      const { status, stderr } = await run(['--root', host.root, 'fcopy', ...words]);
      assert.deepEqual([status, message.test(stderr)], [2, true], `${words.join(' ')}: ${stderr}`);
    }
    const missing = await serve(scene, [], '/missing').ended;
    assert.deepEqual([missing.status, /install -d/.test(missing.stderr)], [1, true], missing.stderr);
  });
});

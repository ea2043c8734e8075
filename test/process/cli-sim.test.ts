// SPDX-License-Identifier: MIT
//
// `hv sim` while it serves: events, commands, recordings, and what it says to wrong arguments.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readRecording } from '../../dist/host/index.js';
import { openBus, openChannel } from '../../dist/index.js';
import { main, run, start } from './cli-run.js';

const folder = mkdtempSync(path.join(tmpdir(), 'hv-sim-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Line {
  readonly schema: string;
  readonly time?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly command?: string;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

function lines(stdout: string): Line[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

async function talk(root: string, device: string): Promise<void> {
  const channel = await openChannel(openBus({ root }).device(device));
  await channel.send(new Uint8Array(8));
  await channel.close();
}

test('tells each event as a JSON record with its time', async () => {
  const sim = start(['sim', '-d', 'kvp', '--bound', '--json']);
  const [, root = ''] = await sim.saw(/"root":"([^"]+)"/);
  await talk(root, 'kvp');
  await sim.saw(/"kind":"closed"/);
  sim.child.kill('SIGINT');
  const { status, stdout, stderr } = await sim.ended;
  const [first, ...events] = lines(stdout);

  assert.deepEqual([status, stderr, first?.schema], [130, '', 'vmbus.sim/1']);
  assert.ok(events.every(({ schema, time = '' }) => schema === 'vmbus.sim.event/1' && !Number.isNaN(Date.parse(time))));
  const kinds = events.map(({ kind }) => kind);
  assert.deepEqual(
    ['opened', 'provider', 'trouble', 'closed'].map((kind) => kinds.includes(kind)),
    [true, true, true, true],
    stdout,
  );
  assert.equal(events.find(({ kind }) => kind === 'trouble')?.error?.code, 'ERR_VMBUS_PROTOCOL');
});

test('tells events as lines; with --quiet only troubles', async () => {
  for (const [more, expected] of [
    [[], /~ kvp {2}channel 1 opened\n[\s\S]*! kvp {2}ERR_VMBUS_PROTOCOL/],
    [['--quiet'], /folder\.\n\S+ ! kvp {2}ERR_VMBUS_PROTOCOL/],
  ] as const) {
    const sim = start(['sim', '-d', 'kvp', '--bound', ...more]);
    const [, root = ''] = await sim.saw(/serves (\S+)/);
    await sim.saw(/Ctrl-C/);
    await talk(root, 'kvp');
    await sim.saw(/ERR_VMBUS_PROTOCOL/);
    sim.child.kill('SIGINT');

    assert.match((await sim.ended).stdout, expected);
  }
});

test('a command has standard output for itself; troubles go to standard error', async () => {
  const script = `
    import { openBus, openChannel } from '${new URL('../../dist/index.js', import.meta.url).href}';
    const channel = await openChannel(openBus().device('kvp'));
    await channel.send(new Uint8Array(8));
    await channel.readable().catch(() => undefined);
    console.log('mine');
  `;
  const node = [process.execPath, '--input-type=module', '-e', script];
  const { status, stdout, stderr } = await run(['sim', '-d', 'kvp', '--bound', '--', ...node]);

  assert.equal(status, 0, stderr);
  assert.equal(stdout, 'mine\n');
  assert.match(stderr, /^\S+ ! kvp {2}ERR_VMBUS_PROTOCOL/);
});

test('obeys commands on standard input, each with an answer, until quit', async () => {
  const input = [
    'list',
    'add echo:name=second',
    '# a comment',
    'balloon target 512M',
    'kvp set greeting "hello world"',
    'kvp',
    'nobody',
    'nobody state',
    'add nothing',
    'help kvp',
    'rescind second',
    'refresh now',
    '"unended',
    'quit',
    'list',
  ];
  const { status, stdout, stderr } = await run(
    ['sim', '-d', 'balloon', '-d', 'kvp', '--bound', '--control', '--json', '--quiet'],
    { input: `${input.join('\n')}\n` },
  );
  const [, ...answers] = lines(stdout);

  assert.deepEqual([status, stderr], [0, '']);
  assert.deepEqual(
    answers.map(({ schema, command, error }) => [schema, command, error?.code ?? 'done']),
    [
      ['list', 'done'],
      ['add echo:name=second', 'done'],
      ['balloon target 512M', 'done'],
      ['kvp set greeting "hello world"', 'ERR_VMBUS_CLOSED'],
      ['kvp', 'ERR_HV_USAGE'],
      ['nobody', 'ERR_HV_USAGE'],
      ['nobody state', 'ERR_VMBUS_NO_DEVICE'],
      ['add nothing', 'ERR_INVALID_ARG_VALUE'],
      ['help kvp', 'done'],
      ['rescind second', 'done'],
      ['refresh now', 'ERR_HV_USAGE'],
      ['"unended', 'ERR_HV_USAGE'],
      ['quit', 'done'],
    ].map(([command, end]) => ['vmbus.sim.answer/1', command, end]),
  );
  assert.deepEqual(answers[2]?.result, { targetPages: 131_072 });
});

test('the end of the commands does not end the host', async () => {
  const sim = start(['sim', '-d', 'echo', '--control'], { input: 'rescind echo\nbalderdash\n' });
  const [, root = ''] = await sim.saw(/serves (\S+)/);
  await sim.saw(/ok\n/);
  const added = await run(['--root', root, 'ls', '--json']);
  sim.child.kill('SIGTERM');
  const { status, stderr } = await sim.ended;

  assert.deepEqual((JSON.parse(added.stdout) as { devices: unknown[] }).devices, []);
  assert.equal(status, 143);
  assert.match(stderr, /hv: there is neither a command nor a device balderdash\n {2}hint: help/);
  assert.ok(!existsSync(root));
});

test('a command that waits for a guest ends with the host, without a word', async () => {
  const sim = start(['sim', '-d', 'kvp', '--control'], { input: 'refresh\nkvp ready\n' });
  await sim.saw(/ok\n/);
  sim.child.kill('SIGINT');
  const { status, stderr } = await sim.ended;

  assert.deepEqual([status, stderr], [130, '']);
});

test('at a terminal commands are taken without being asked for, and quit ends the host with 0', async (t) => {
  const shell = spawn('script', ['-qefc', `"${process.execPath}" "${main}" sim -d kvp --no-color`, '/dev/null'], {
    env: { PATH: process.env.PATH, TERM: 'xterm-256color', LANG: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let screen = '';
  shell.stdin.on('error', () => undefined);
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen += chunk;
    if (/Ctrl-C ends it and/.test(chunk)) shell.stdin.write('help kvp\nquit\n');
  });
  const failed = once(shell, 'error').then(() => null);
  const status = await Promise.race([once(shell, 'close').then(([code]) => code as number), failed]);
  if (status === null) return t.skip('there is no script(1) to make a terminal with');

  assert.equal(status, 0);
  assert.match(screen, /kvp set KEY VALUE \[POOL\] {2,}sets a key/);
  return undefined;
});

test('leaves a complete recording after Ctrl-C', async () => {
  const file = path.join(folder, 'run.jsonl');
  const sim = start(['sim', '-d', 'echo', '--bound', '--record', file, '--json']);
  const [, root = ''] = await sim.saw(/"root":"([^"]+)"/);
  await talk(root, 'echo');
  await sim.saw(/"kind":"closed"/);
  sim.child.kill('SIGINT');
  await sim.ended;
  const [recording] = await readRecording(file);

  assert.equal(recording?.device, 'echo');
  assert.equal(recording?.events.at(-1)?.what, 'close');
});

test('wrong arguments are refused before anything is served', async () => {
  const there = path.join(folder, 'there.jsonl');
  writeFileSync(there, 'precious');
  for (const [args, expected, message] of [
    [
      ['-d', 'scsi:no.img'],
      1,
      /cannot use no\.img as a disk: ENOENT\n {2}hint: make one first: `truncate -s 1G no\.img`/,
    ],
    [['-d', 'scs:no.img'], 2, /did you mean scsi/],
    [['-d', 'scsi:fil=no.img'], 2, /did you mean file/],
    [['-d', `scsi:${there},${there}`], 5, /is a disk of scsi already/],
    [['--record', there], 1, /there\.jsonl is there already\n {2}hint: name a file/],
    [['--cpus', '0'], 2, /from 1 to 8192/],
    [['--control', '--', 'true'], 2, /both want standard input/],
  ] as const) {
    const { status, stdout, stderr } = await run(['sim', ...args]);

    assert.deepEqual([status, stdout], [expected, ''], stderr);
    assert.match(stderr, message);
  }
  assert.equal(readFileSync(there, 'utf8'), 'precious');
});

test('lists devices with what a value alone means, and their verbs', async () => {
  const [text, json] = await Promise.all([run(['sim', '--list']), run(['sim', '--list', '--json'])]);
  const { devices } = JSON.parse(json.stdout) as {
    devices: readonly { name: string; bare: unknown; verbs: unknown[] }[];
  };

  for (const line of text.stdout.split('\n')) assert.ok(line.length <= 80, `too wide: ${line}`);
  assert.match(text.stdout, /^scsi .*\n[\s\S]*?FILE,… = file/m);
  assert.match(text.stdout, /set KEY VALUE\n? +\[POOL\]/);
  const scsi = devices.find(({ name }) => name === 'scsi');
  assert.deepEqual(scsi?.bare, { option: 'file', placeholder: 'FILE', isList: true });
  assert.ok(scsi?.verbs.length);
});

// SPDX-License-Identifier: MIT
//
// The verbs that open a channel, against a simulated host: ping, send, recv, dump, and the demonstration.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { main, run, start } from './cli-run.js';

test('ping counts what came back and ends with status 0', async () => {
  const { status, stdout, stderr } = await run([
    '--sim',
    'chan',
    'ping',
    'echo',
    '--count',
    '20',
    '--interval',
    '0',
    '--json',
  ]);

  assert.deepEqual([status, stderr], [0, '']);
  const figures = JSON.parse(stdout) as {
    sent: number;
    received: number;
    corrupt: number;
    rttUs: Record<string, number>;
  };
  assert.deepEqual([figures.sent, figures.received, figures.corrupt], [20, 20, 0]);
  const { min = 0, p50 = 0, p90 = 0, p99 = 0, max = 0 } = figures.rttUs;
  assert.ok(min > 0 && min <= p50 && p50 <= p90 && p90 <= p99 && p99 <= max);
});

test('ping of a device that does not answer ends with status 1', async () => {
  const { status, stdout } = await run(['--sim', 'chan', 'ping', 'balloon', '--count', '1', '--timeout', '50ms']);

  assert.equal(status, 1);
  assert.match(stdout, /1 sent, 0 received, 100% lost/);
});

test('Ctrl-C during a ping still prints the summary', async () => {
  const ping = start(['--sim', 'chan', 'ping', 'echo', '--count', '0', '--interval', '10ms']);
  await ping.saw(/seq=3 /);

  ping.child.kill('SIGINT');
  const { status, stdout, stderr } = await ping.ended;

  assert.deepEqual([status, stderr], [130, '']);
  assert.match(stdout, /\d+ sent, \d+ received, 0% lost/);
});

test('a payload that no ring of the device can hold is a usage error', async () => {
  const { status, stderr } = await run(['--sim', 'chan', 'ping', 'echo', '--size', '1G']);

  assert.equal(status, 2);
  assert.match(stderr, /8 to \d+ do/);
});

test('send answers with the completion of a request, from every source of payload', async () => {
  const completion = async (args: readonly string[], input?: string): Promise<unknown> => {
    const { status, stdout, stderr } = await run(
      ['--sim', 'chan', 'send', 'echo', ...args, '--request', '--json'],
      input === undefined ? {} : { input },
    );
    assert.equal(status, 0, stderr);
    return (JSON.parse(stdout) as { completion: { payload: string } }).completion.payload;
  };

  assert.equal(await completion(['hello']), '68656c6c6f000000');
  assert.equal(await completion(['--hex', '01 02 03 04 05 06 07 08']), '0102030405060708');
  assert.equal(await completion([], 'eightby!'), '6569676874627921');
});

test('recv prints packets as JSON lines until the count is reached', async () => {
  const { status, stdout, stderr } = await run([
    'sim',
    '-d',
    'echo:reply=source,sourceBytes=16,sourcePackets=3',
    '--',
    process.execPath,
    '-e',
    receiver,
  ]);

  assert.equal(status, 0, stderr);
  const packets = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(packets.length, 3);
  assert.deepEqual(Object.keys(packets[0] ?? {}), [
    'schema',
    'device',
    'channel',
    'type',
    'typeName',
    'transactionId',
    'wantsCompletion',
    'header',
    'payload',
  ]);
  assert.equal(packets[2]?.payload, '000102030405060708090a0b0c0d0e0f');
});

/** Binds and receives with the same command, in the served root. */
const receiver = `
  const { spawnSync } = require('node:child_process');
  const hv = (...args) => spawnSync(process.execPath, [${JSON.stringify(new URL('../../dist/cli/main.js', import.meta.url).pathname)}, ...args], { encoding: 'utf8' });
  hv('bind', 'echo');
  const { stdout, status } = hv('chan', 'recv', 'echo', '--count', '3', '--timeout', '20s', '--json');
  process.stdout.write(stdout);
  process.exit(status);
`;

test('recv that gets too little in its time ends with status 1', async () => {
  const { status, stderr } = await run([
    '--sim',
    'chan',
    'recv',
    'echo',
    '--count',
    '1',
    '--timeout',
    '50ms',
    '--json',
  ]);

  assert.equal(status, 1);
  assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'ERR_VMBUS_TIMEOUT');
});

test('dump shows both ring headers', async () => {
  const { status, stdout } = await run(['--sim', 'chan', 'dump', 'echo', '--json']);

  assert.equal(status, 0);
  const { schema, in: inRing, out, stats } = JSON.parse(stdout) as Record<string, Record<string, number>>;
  assert.equal(schema as unknown, 'vmbus.channel/1');
  assert.deepEqual([inRing?.usedBytes, out?.usedBytes, stats?.packetsIn], [0, 0, 0]);
  assert.ok((out?.dataBytes ?? 0) > 4096);
});

test('a channel of a device that is not lent is refused with the command that lends it', async () => {
  const { status, stdout } = await run([
    'sim',
    '--',
    'sh',
    '-c',
    `"${process.execPath}" "$0" chan dump echo 2>&1; echo status $?`.replace(
      '$0',
      new URL('../../dist/cli/main.js', import.meta.url).pathname,
    ),
  ]);

  assert.equal(status, 0);
  assert.match(stdout, /^hv: /);
  assert.match(stdout, /hint: .*hv bind/);
  assert.match(stdout, /status 1/);
});

test('the demonstration answers with figures as JSON, and leaves nothing behind', async () => {
  const { status, stdout, stderr } = await run(['demo', '--sim', '--packets', '5000', '--json']);

  assert.deepEqual([status, stderr], [0, '']);
  const { schema, world, root, throughput, latencyUs, rescind } = JSON.parse(stdout) as {
    schema: string;
    world: string;
    root: string;
    throughput: { packets: number };
    latencyUs: Record<string, number>;
    rescind: { by: string; code: string };
  };
  assert.deepEqual([schema, world, throughput.packets], ['vmbus.demo/1', 'simulated', 5000]);
  assert.ok((latencyUs.p50 ?? 0) > 0);
  assert.deepEqual(rescind, { by: 'rescind', code: 'ERR_VMBUS_RESCINDED' });
  assert.ok(!existsSync(root));
});

test('the demonstration draws its pictures into a pipe without control codes, eighty columns wide', async () => {
  const { status, stdout, stderr } = await run(['demo', '--sim', '--packets', '5000']);

  assert.deepEqual([status, stderr], [0, '']);
  assert.doesNotMatch(stdout, /[\u001b\r]/);
  for (const line of stdout.split('\n')) assert.ok([...line].length <= 80, `too wide: ${line}`);
  for (const part of [
    '├─ echo',
    '5,000 packets',
    '█',
    'p50',
    'p99',
    'wakes',
    'ERR_VMBUS_RESCINDED',
    'What to try next',
  ]) {
    assert.ok(stdout.includes(part), `no ${part} in\n${stdout}`);
  }
  assert.match(stdout, /[\u2801-\u28ff]/);
});

test('the demonstration draws in ASCII where the locale has nothing else', async () => {
  const { stdout } = await run(['demo', '--sim', '--packets', '2000'], { env: { LANG: 'C' } });

  assert.match(stdout, /^[\n\x20-\x7e]*$/);
  assert.match(stdout, /\|#+ \d+/);
});

test('on a terminal the progress is drawn over, in colour, and nothing of it is left at the end', async (t) => {
  const shell = spawn('script', ['-qefc', `stty cols 80; "${process.execPath}" "${main}" demo --sim`, '/dev/null'], {
    env: { PATH: process.env.PATH, TERM: 'xterm-256color', LANG: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let screen = '';
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen += chunk;
  });
  const failed = once(shell, 'error').then(() => null);
  const status = await Promise.race([once(shell, 'close').then(([code]) => code as number), failed]);
  if (status === null) return t.skip('there is no script(1) to make a terminal with');

  assert.equal(status, 0);
  assert.match(screen, /\u001b\[36m/);
  const redrawn = screen.split('\u001b[1A').slice(1);
  assert.ok(redrawn.length > 3, `drawn over ${redrawn.length} times`);
  assert.match(screen, /packets.*\/s/);
  assert.doesNotMatch(screen, /\u001b\[\?/, 'no mode of the terminal is changed');
  return undefined;
});

test('Ctrl-C in the middle of the demonstration takes everything away', async () => {
  const demo = start(['demo', '--sim', '--packets', '1000000000']);
  const [, root = ''] = await demo.saw(/is open at (\S+)\/dev\/uio/);
  await demo.saw(/Packets: there/);
  assert.ok(existsSync(root));

  demo.child.kill('SIGINT');
  const { status, stderr } = await demo.ended;

  assert.deepEqual([status, stderr], [130, '']);
  assert.ok(!existsSync(root));
});

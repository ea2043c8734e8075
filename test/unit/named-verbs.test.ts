// SPDX-License-Identifier: MIT
//
// Each verb of each named provider does what its provider's method does, with the arguments that were meant.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Provider, providersByName } from '../../dist/host/index.js';

/** What a method was called with, and what it answers. */
type Calls = (readonly unknown[])[];

/** A provider whose every method is heard, and answers the same. */
function stub(calls: Calls, answer: unknown): Provider {
  const get =
    (_: object, name: string): unknown =>
    (...args: readonly unknown[]) => {
      calls.push([name, ...args]);
      return answer;
    };
  return new Proxy({}, { get }) as Provider;
}

async function run(
  device: string,
  verb: string,
  args: readonly unknown[],
  answer?: unknown,
): Promise<readonly unknown[]> {
  const calls: Calls = [];
  const known = providersByName[device]?.verbs[verb];
  assert.ok(known, `${device} ${verb}`);
  const result = await known.call(stub(calls, answer), args);
  return [...calls, result];
}

const wait = { timeoutMs: 60_000 };
const cases: readonly (readonly [line: string, call: readonly unknown[], answer?: unknown, result?: unknown])[] = [
  ['keyboard type root', ['type', 'root']],
  ['keyboard tap ControlLeft KeyC', ['tap', 'ControlLeft', 'KeyC']],
  ['keyboard press KeyA', ['press', 'KeyA']],
  ['keyboard release KeyA', ['release', 'KeyA']],
  ['keyboard ready', ['ready', wait]],
  ['mouse move 0.5 1', ['move', 0.5, 1]],
  ['mouse click', ['click', undefined]],
  ['mouse click right', ['click', 'right']],
  ['mouse press left right', ['press', 'left', 'right']],
  ['mouse release left', ['release', 'left']],
  ['mouse wheel -3', ['wheel', -3]],
  ['net link up', ['connect']],
  ['net link down', ['disconnect']],
  ['net ready 50', ['ready', { timeoutMs: 50 }]],
  ['balloon target 1G', ['balloon', 262_144], undefined, { targetPages: 262_144 }],
  ['scsi add disk.img', ['add', { file: 'disk.img', readonly: false }], 3, { lun: 3 }],
  ['scsi add disk.img readonly', ['add', { file: 'disk.img', readonly: true }], 3, { lun: 3 }],
  ['scsi remove 1', ['remove', 1]],
  ['scsi resize 1 2M', ['resize', 1, 2 ** 21]],
  ['scsi rescan', ['rescan']],
  ['ide resize 4096', ['resize', 0, 4096]],
  ['heartbeat ready', ['ready', wait]],
  ['heartbeat renegotiate', ['renegotiate', wait]],
  ['shutdown off', ['shutdown', { force: false }], 0, { status: 0, name: 'done' }],
  ['shutdown restart force', ['restart', { force: true }], 0, { status: 0, name: 'done' }],
  ['shutdown hibernate', ['hibernate'], 0, { status: 0, name: 'done' }],
  ['timesync sync', ['sync'], 10_000n, { time: '1970-01-01T00:00:00.001Z' }],
  ['kvp set key value', ['set', 'key', 'value', undefined]],
  ['kvp set key value guest', ['set', 'key', 'value', { pool: 'guest' }]],
  ['kvp get key', ['get', 'key', undefined], 'value', 'value'],
  ['kvp delete key auto', ['delete', 'key', { pool: 'auto' }], true, true],
  ['kvp ls', ['enumerate', 'external'], [], []],
  ['kvp ls auto', ['enumerate', 'auto'], [], []],
  ['kvp ip 00:15:5D:00:00:01', ['getIpInfo', '00:15:5D:00:00:01'], {}, {}],
  ['vss check', ['hotBackupCheck'], 0, { flags: 0 }],
  ['vss freeze', ['freeze', {}]],
  ['vss freeze 500', ['freeze', { thawAfterMs: 500 }]],
  ['vss thaw', ['thaw']],
];

describe('a verb of a named provider', () => {
  for (const [line, call, answer, result] of cases) {
    it(`${line} calls ${String(call[0])}`, async () => {
      const [device = '', verb = '', ...args] = line.split(' ');

      assert.deepEqual(await run(device, verb, args, answer), [call, result]);
    });
  }

  it('tells the state of what nobody has opened', async () => {
    for (const [name, { verbs, make }] of Object.entries(providersByName)) {
      if (!verbs.state) continue;
      const state = await verbs.state.call(make({}), []);
      assert.ok(typeof state === 'object' && state !== null && !Object.values(state).includes(undefined), name);
    }
  });
});

describe('a file that a command sends', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmbus-send-'));
  const file = join(folder, 'a.txt');
  writeFileSync(file, 'hello');
  after(() => rmSync(folder, { recursive: true }));

  for (const [to, path, name] of [
    ['/tmp/', '/tmp/', 'a.txt'],
    ['/tmp/b.txt', '/tmp', 'b.txt'],
  ] as const) {
    it(`to ${to} goes to ${name} in ${path}`, async () => {
      const [call, result] = await run('fcopy', 'send', [file, to, 'overwrite'], 5);
      assert.ok(Array.isArray(call));

      assert.deepEqual(call[2], { path, name, sizeBytes: 5, overwrite: true });
      assert.deepEqual(result, { path: join('/tmp', name), sentBytes: 5 });
    });
  }

  it('that is not there, or no file, is named in the error', async () => {
    await assert.rejects(run('fcopy', 'send', [join(folder, 'none'), '/tmp/']), {
      code: 'ERR_VMBUS_SYSTEM',
      path: join(folder, 'none'),
    });
    await assert.rejects(run('fcopy', 'send', [folder, '/tmp/']), { code: 'ERR_VMBUS_NODE_KIND', path: folder });
  });
});

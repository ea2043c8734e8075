// SPDX-License-Identifier: MIT
//
// Files over /dev/vmbus/hv_fcopy, as kernels before 6.10 have it: a node that speaks as drivers/hv/hv_fcopy.c does, and breaks
// the rules of a transfer as no host should.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { echo, SimulatedHost } from '../../dist/host/index.js';
import { type FileCopy, type FileCopySink, type IncomingFile, openFileCopy } from '../../dist/index.js';
import type { FcopyRequest } from '../../dist/protocol/fcopy.js';
import { decodeFcopyStatus, encodeFcopyDevice } from '../../dist/protocol/fcopy-device.js';
import { icStatusName } from '../../dist/protocol/ic.js';
import { binding, EventLog } from './native-pair.js';

let host: SimulatedHost;
let served = 0;
/** Statuses that the kernel was told, by name. */
let told: EventLog<string>;
/** What became of the file, and its bytes. */
let ends: EventLog<string>;
let written: Uint8Array[];

/** The kernel: answers the registration, and takes 4 bytes for each request. */
function serve(): void {
  let isRegistered = false;
  served = binding.serveService(
    join(host.root, 'dev/vmbus/hv_fcopy'),
    (isOpen) => {
      if (isOpen === 0) isRegistered = false;
    },
    (message) => {
      if (isRegistered) told.push(icStatusName(decodeFcopyStatus(message)));
      else assert.equal(binding.sendServed(served, message), 0);
      isRegistered = true;
    },
  );
  assert.ok(served > 0, `errno ${-served}`);
}

const raw = (message: Uint8Array): void => assert.equal(binding.sendServed(served, message), 0);
const ask = (request: FcopyRequest): void => raw(encodeFcopyDevice(request));
const begin = (sizeBytes = 6n): void => ask({ kind: 'start', name: 'ä', path: '/x', flags: 0, sizeBytes });
const piece = (offset: bigint, text: string): void => ask({ kind: 'write', offset, data: Buffer.from(text) });

/** Asks, and waits for the answer. */
async function asked(request: () => void): Promise<string | undefined> {
  const count = told.seen.length;
  request();
  await told.reach(count + 1);
  return told.seen[count];
}

beforeEach(async () => {
  told = new EventLog();
  ends = new EventLog();
  written = [];
  host = await SimulatedHost.start({ devices: [echo()] });
  mkdirSync(join(host.root, 'dev/vmbus'), { recursive: true });
  serve();
});
afterEach(async () => {
  binding.closeServed(served);
  await host.close();
});

const sink: FileCopySink = {
  write: (data) => void written.push(Uint8Array.from(data)),
  complete: () => ends.push('complete'),
  discard: (error) => ends.push((error as { code?: string }).code ?? error.message),
};

/** Accepts every file. */
async function acceptAll(copies: FileCopy): Promise<void> {
  for await (const file of copies) void take(file);
}

async function take(file: IncomingFile): Promise<void> {
  // The sink is told of every failure.
  await file.accept(sink).catch(() => undefined);
}

describe('the file copy device', () => {
  it('brings a file', async () => {
    await using copies = await openFileCopy({ root: host.root });
    void acceptAll(copies);
    assert.deepEqual([copies.transport, copies.state], ['device', 'ready']);
    assert.equal(await asked(() => begin()), 'done');
    assert.equal(await asked(() => piece(0n, 'abc')), 'done');
    assert.equal(await asked(() => piece(3n, 'def')), 'done');
    assert.equal(await asked(() => ask({ kind: 'complete' })), 'done');
    assert.deepEqual([Buffer.concat(written).toString(), ends.seen], ['abcdef', ['complete']]);
  });

  const rules: readonly [string, () => void][] = [
    ['a piece beyond its size', () => piece(3n, 'defg')],
    ['a piece that leaves a gap', () => piece(4n, 'd')],
    ['a piece that comes twice', () => piece(0n, 'abc')],
    ['a piece at the end of the world', () => piece(2n ** 63n - 2n, 'a')],
    ['its end too early', () => ask({ kind: 'complete' })],
    ['another beginning', () => begin()],
    ['a message that is none', () => raw(new Uint8Array(7))],
    [
      'more data than there is',
      () =>
        raw(
          Uint8Array.from(encodeFcopyDevice({ kind: 'write', offset: 3n, data: Buffer.from('def') }).subarray(0, 54)),
        ),
    ],
  ];
  for (const [what, breakRules] of rules) {
    it(`forgets a file after ${what}`, async () => {
      await using copies = await openFileCopy({ root: host.root });
      void acceptAll(copies);
      await asked(() => begin());
      await asked(() => piece(0n, 'abc'));
      assert.equal(await asked(breakRules), 'failed');
      await ends.reach(1);
      assert.deepEqual(ends.seen, ['ERR_VMBUS_PROTOCOL']);
      assert.equal(await asked(() => piece(3n, 'def')), 'failed');
      assert.equal(await asked(() => ask({ kind: 'complete' })), 'failed');
      assert.equal(await asked(() => begin(0n)), 'done');
      assert.equal(await asked(() => ask({ kind: 'complete' })), 'done');
      assert.deepEqual([Buffer.concat(written).toString(), ends.seen], ['abc', ['ERR_VMBUS_PROTOCOL', 'complete']]);
    });
  }

  it('says failed to data and ends of no file, done to a cancel, and that more than 2^53 bytes are too many', async () => {
    await using copies = await openFileCopy({ root: host.root });
    void acceptAll(copies);
    assert.equal(await asked(() => piece(0n, 'abc')), 'failed');
    assert.equal(await asked(() => ask({ kind: 'complete' })), 'failed');
    assert.equal(await asked(() => ask({ kind: 'cancel' })), 'done');
    assert.equal(await asked(() => begin(2n ** 60n)), 'fileTooLarge');
    assert.deepEqual(ends.seen, []);
  });

  it('that goes in the middle of a file takes the file with it, and comes back', async () => {
    const states = new EventLog<string>();
    await using copies = await openFileCopy({ root: host.root, onState: (state) => states.push(state) });
    void acceptAll(copies);
    await asked(() => begin());
    await asked(() => piece(0n, 'abc'));
    binding.closeServed(served);
    await ends.reach(1);
    assert.deepEqual([ends.seen, copies.state], [['ERR_VMBUS_RESCINDED'], 'absent']);

    serve();
    host.add(echo({ name: 'news' }));
    await states.reach(5);
    assert.deepEqual(states.seen, ['registering', 'ready', 'absent', 'registering', 'ready']);
    assert.equal(await asked(() => begin(0n)), 'done');
  });

  it('is refused while the daemon has it, with the way to stop that', async () => {
    await using _owner = await openFileCopy({ root: host.root });
    await assert.rejects(openFileCopy({ root: host.root }), {
      code: 'ERR_VMBUS_BUSY',
      hint: /systemctl stop hv-fcopy-daemon/,
    });
  });
});

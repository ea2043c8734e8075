// SPDX-License-Identifier: MIT
//
// Files of the simulated host into a folder: what is told of them, and what a script that throws leaves behind.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type FcopyProvider, fcopy, SimulatedHost } from '../../dist/host/index.js';
import { type InboxEvent, openFileCopy, openInbox, receiveFiles } from '../../dist/index.js';
import { EventLog } from './native-pair.js';

let host: SimulatedHost;
let device: FcopyProvider;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'hv-inbox-'));
  device = fcopy();
  host = await SimulatedHost.start({ devices: [device], bound: true });
});
afterEach(async () => {
  await host.close();
  rmSync(folder, { recursive: true });
});

const send = (name: string, bytes = 10_000): Promise<number> =>
  device.send(Buffer.alloc(bytes, 1), { path: folder, name });

describe('files into a folder', () => {
  it('are told from beginning to end', async () => {
    const copies = await openFileCopy({ root: host.root });
    const events = new EventLog<InboxEvent>();
    const progress: number[] = [];
    const receiving = receiveFiles(copies, await openInbox({ folders: [{ path: folder }] }), {
      onEvent: (event) => events.push(event),
      onProgress: ({ receivedBytes }) => progress.push(receivedBytes),
    });
    await send('a');
    await assert.rejects(send('a/b'), { code: 'ERR_VMBUS_REFUSED' });
    await events.reach(3);
    assert.deepEqual(
      events.seen.map(({ kind, path: where }) => [kind, where]),
      [
        ['started', `${folder}/a`],
        ['received', `${folder}/a`],
        ['failed', null],
      ],
    );
    assert.deepEqual(progress, [6144, 10_000]);
    await copies.close();
    await receiving;
    assert.equal(readFileSync(path.join(folder, 'a')).length, 10_000);
  });

  it('leave nothing when a script throws at their beginning or in the middle, and the next one comes', async () => {
    await using copies = await openFileCopy({ root: host.root });
    const failed = new EventLog<string>();
    let name = '';
    void receiveFiles(copies, await openInbox({ folders: [{ path: folder }] }), {
      onEvent: (event) => {
        if (event.kind === 'failed') failed.push(event.error.message);
        if (event.kind === 'started' && name === 'first') throw new Error('at the beginning');
      },
      onProgress: () => {
        if (name === 'second') throw new Error('in the middle');
      },
    });
    for (name of ['first', 'second']) await assert.rejects(send(name), { code: 'ERR_VMBUS_REFUSED' });
    name = 'third';
    await send(name);
    await failed.reach(2);
    assert.deepEqual([failed.seen, readdirSync(folder)], [['at the beginning', 'in the middle'], ['third']]);
    const held = readdirSync('/proc/self/fd').map((fd) => readLink(fd));
    assert.deepEqual(
      held.filter((target) => target.startsWith(folder)),
      [],
    );
  });
});

function readLink(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

// SPDX-License-Identifier: MIT
//
// What the process tests run in a process of its own: one scenario by name, which prints lines and ends in its own way.
//   node native-child.js SCENARIO

import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Status } from '../../dist/native/binding.js';
import { binding, closeLease, End, openLease, Pair, RING_BYTES, TestFolder, turn } from '../channel/native-pair.js';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const scenarios: Record<string, () => Promise<void> | void> = {
  async 'callback-throws'() {
    process.on('uncaughtException', (error) => say(`uncaught ${error.message}`));
    const folder = new TestFolder();
    const node = binding.serveNode(folder.file('uio0'), RING_BYTES, -1, () => {
      throw new Error('in the node callback');
    });
    await new Promise<void>((resolve) => {
      binding.openLease(
        folder.file('uio0'),
        { ringBytes: 0, ringFile: '', monitorId: -1, relid: 0, exclusive: true, timeoutMs: 1000 },
        () => {
          throw new Error('in the lease callback');
        },
        (_errno, _stage, lease) => {
          setImmediate(async () => {
            binding.wakeGuest(node);
            await turn();
            await turn();
            say(`after ${binding.attachPrimary(lease) > 0}`);
            say(`closed ${await closeLease(lease)}`);
            binding.closeNode(node);
            folder[Symbol.dispose]();
            resolve();
          });
          throw new Error('in the done callback');
        },
      );
    });
  },

  async 'uncaught-ends'() {
    const pair = await Pair.open();
    process.on('exit', (code) => say(`exit ${code}`));
    binding.openUevents(() => {});
    const { lease } = await openLease(pair.path, { exclusive: false }, () => {
      throw new Error('nobody catches this');
    });
    say(`open ${lease > 0}`);
    binding.wakeGuest(pair.node);
  },

  async 'exit-in-callback'() {
    const pair = await Pair.open();
    await openLease(pair.path, { exclusive: false }, () => process.exit(7));
    binding.wakeGuest(pair.node);
  },

  'exit-while-opening'() {
    const folder = mkdtempSync(join(tmpdir(), 'vmbus-test-'));
    binding.serveNode(join(folder, 'uio0'), RING_BYTES, -1, () => {});
    void openLease(join(folder, 'uio0'), { timeoutMs: 60_000 });
    rmSync(folder, { recursive: true });
    process.exit(5);
  },

  async 'ends-when-closed'() {
    const pair = await Pair.open();
    const handle = binding.openUevents(() => {});
    await pair[Symbol.asyncDispose]();
    binding.closeUevents(handle);
    say('closed');
  },

  async 'ends-when-unreferenced'() {
    const pair = await Pair.open();
    binding.refLease(pair.lease, false);
    binding.refNode(pair.node, false);
    say('unreferenced');
  },

  async 'ends-without-closing'() {
    const pair = await Pair.open();
    pair.guest.send(new Uint8Array(8));
    process.kill(process.pid, 'SIGTERM');
    await new Promise(() => setInterval(() => {}, 1000));
  },

  async 'collects-everything'() {
    const collect = globalThis.gc;
    if (collect === undefined) throw new Error('run with --expose-gc');
    for (let round = 0; round < 20; round++) {
      await using pair = await Pair.open();
      for (let i = 0; i < 10; i++) {
        // Handles that nobody closes, arenas that nobody else holds.
        const end = new End(binding.attachPrimary(pair.lease));
        pair.host.send(Uint8Array.of(i));
        collect();
        if (end.drain() !== 1 || end.payload(0)[0] !== i) throw new Error('a packet is wrong');
      }
      collect();
      await turn();
    }
    say('collected');
  },

  /** Serves a node while it has no descriptor left; tells how often its loop turned meanwhile, then gives them back. */
  async 'serves-without-descriptors'() {
    const path = process.argv[3] ?? '';
    const node = binding.serveNode(path, RING_BYTES, -1, () => {});
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      // EMFILE
    }
    say('serving');
    await new Promise((resolve) => process.stdin.once('data', resolve));
    const { uvMetricsInfo } = performance.nodeTiming;
    const before = uvMetricsInfo.loopCount;
    await new Promise((resolve) => setTimeout(resolve, 500));
    say(`turns ${performance.nodeTiming.uvMetricsInfo.loopCount - before}`);
    for (const fd of taken) closeSync(fd);
    await new Promise((resolve) => process.stdin.once('data', resolve));
    process.stdin.destroy();
    binding.closeNode(node);
  },

  /** A listener for SIGBUS that went takes the handler of the whole process with it. */
  async 'sigbus-listener-came-and-went'() {
    const pair = await Pair.open();
    const file = pair.folder.file('ring');
    writeFileSync(file, new Uint8Array(RING_BYTES));
    const channel = new End(binding.attachSubchannel(pair.lease, file, 9, -1));
    const listener = (): void => {};
    process.on('SIGBUS', listener);
    process.off('SIGBUS', listener);
    binding.wakeGuest(pair.node);
    await pair.leaseEvents.reach(1);
    truncateSync(file, 0);
    say(`rescinded ${channel.drain() === Status.rescinded}`);
    await pair[Symbol.asyncDispose]();
  },

  async 'sent-sigbus-kills'() {
    const pair = await Pair.open();
    say(`open ${pair.lease > 0}`);
    process.kill(process.pid, 'SIGBUS');
    await new Promise(() => setInterval(() => {}, 1000));
  },
};

const name = process.argv[2] ?? '';
const scenario = scenarios[name];
if (scenario === undefined) throw new Error(`no scenario ${name}`);
await scenario();

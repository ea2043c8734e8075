// SPDX-License-Identifier: MIT
//
// What the worker tests run in a worker thread: one scenario, told by workerData, which reports by message.

import { parentPort, workerData } from 'node:worker_threads';
import { LeaseEvent } from '../../dist/native/binding.js';
import { binding, closeLease, End, EventLog, openLease, RING_BYTES } from '../channel/native-pair.js';

export interface WorkerTask {
  readonly scenario: string;
  readonly path: string;
  readonly token: number;
}

/** What the draining worker reports at its end. */
export interface Drained {
  readonly packets: number;
  /** Packets that were not what the host sent. */
  readonly wrong: number;
  readonly status: number;
  readonly events: readonly number[];
}

const task = workerData as WorkerTask;
const tell = (message: unknown): void => parentPort?.postMessage(message);

interface Attached {
  readonly errno: number;
  readonly stage: number;
  readonly lease: number;
}

function attach(token: number, onEvent: (event: number) => void): Promise<Attached> {
  return new Promise((resolve) => {
    binding.attachLease(token, onEvent, (errno, stage, lease) => resolve({ errno, stage, lease }));
  });
}

const scenarios: Record<string, () => Promise<void>> = {
  /** Serves and opens a node of its own, and stays. */
  async 'open and stay'() {
    const node = binding.serveNode(task.path, RING_BYTES, 3, () => {});
    const { lease } = await openLease(task.path);
    const host = new End(binding.attachHost(node, 0));
    const guest = new End(binding.attachPrimary(lease));
    host.drain();
    guest.send(new Uint8Array(8));
    tell(host.drain());
  },

  /** Waits for a host that does not answer. */
  async 'open without an answer'() {
    void openLease(task.path, { timeoutMs: 2000 });
    tell('opening');
    await new Promise(() => setInterval(() => {}, 1000));
  },

  /** Is in a callback nearly all the time. */
  async 'busy in callbacks'() {
    const node = binding.serveNode(task.path, RING_BYTES, -1, () => {});
    let count = 0;
    await openLease(task.path, {}, () => {
      binding.wakeGuest(node);
      if (++count === 3) tell('busy');
      const end = performance.now() + 2;
      while (performance.now() < end);
    });
    binding.wakeGuest(node);
  },

  /** Drains the owner's channel until that is closed. */
  async 'drain until closed'() {
    const ended = new EventLog<number>();
    const { errno, lease } = await attach(task.token, (event) => {
      if (event !== LeaseEvent.wake) ended.push(event);
    });
    if (errno !== 0) return tell({ errno });
    const guest = new End(binding.attachPrimary(lease));
    const arena = new Uint8Array(2 * 1024 * 1024);
    binding.setReceiveArena(guest.handle, arena, guest.receiveIndex);
    tell('attached');
    let packets = 0;
    let wrong = 0;
    let status = 0;
    while (status >= 0) {
      status = guest.drain();
      for (let i = 0; i < status; i++) {
        const [, , offset = 0, length = 0] = guest.row(i);
        if (arena[offset] !== 0x5a || arena[offset + length - 1] !== 0x5a) wrong++;
      }
      if (status > 0) packets += status;
      else await new Promise((resolve) => setImmediate(resolve));
    }
    await ended.reach(1);
    tell({ packets, wrong, status, events: ended.seen } satisfies Drained);
    await closeLease(lease);
  },

  /** Attaches, tells each event, and ends when asked to. */
  async 'tell events'() {
    const { errno, stage, lease } = await attach(task.token, (event) => tell({ event }));
    tell({ errno, stage });
    if (errno !== 0) return;
    await new Promise((resolve) => parentPort?.once('message', resolve));
    tell({ closed: await closeLease(lease) });
    parentPort?.close();
  },

  /** Attaches and never lets its loop turn again. */
  async 'attach and hang'() {
    const { errno } = await attach(task.token, () => {});
    tell({ errno });
    for (;;);
  },
};

await scenarios[task.scenario]?.();

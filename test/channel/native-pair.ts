// SPDX-License-Identifier: MIT
//
// Both ends of a simulated node in this process, for tests of the addon's surface: a node, a lease, their primary channels.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Binding, Inspect, LeaseInspect, NodeEvent, type OpenPlan, ROW_WORDS } from '../../dist/native/binding.js';
import { native } from '../../dist/native/load.js';

export const binding: Binding = native();

/** The environment for programs that are not Node: without the sanitizer that may be preloaded into this process. */
export const plainEnvironment: NodeJS.ProcessEnv = { ...process.env, LD_PRELOAD: '' };

/** Both rings of a small node: a header page and 12 KiB of data each. */
export const RING_BYTES = 2 * 4 * 4096;
export const DATA_BYTES = 3 * 4096;
export const ARENA_BYTES = 64 * 1024;

export const anyPlan: OpenPlan = {
  ringBytes: 0,
  ringFile: '',
  monitorId: -1,
  relid: 5,
  exclusive: true,
  timeoutMs: 5000,
};

/** Events of a callback, in order, and a way to wait for the next ones. */
export class EventLog<T> {
  readonly seen: T[] = [];
  #waiters: { readonly count: number; readonly resolve: () => void }[] = [];

  push(event: T): void {
    this.seen.push(event);
    const ready = this.#waiters.filter(({ count }) => this.seen.length >= count);
    this.#waiters = this.#waiters.filter(({ count }) => this.seen.length < count);
    for (const { resolve } of ready) resolve();
  }

  /** Resolves when so many events were seen since the beginning. */
  async reach(count: number): Promise<void> {
    if (this.seen.length >= count) return;
    await new Promise<void>((resolve) => this.#waiters.push({ count, resolve }));
  }

  clear(): void {
    this.seen.length = 0;
  }
}

export interface Opened {
  readonly errno: number;
  readonly stage: number;
  readonly lease: number;
}

export function openLease(
  path: string,
  plan: Partial<OpenPlan> = {},
  onEvent: (event: number) => void = () => {},
): Promise<Opened> {
  return new Promise((resolve) => {
    binding.openLease(path, { ...anyPlan, ...plan }, onEvent, (errno, stage, lease) =>
      resolve({ errno, stage, lease }),
    );
  });
}

export function closeLease(lease: number): Promise<number> {
  return new Promise((resolve) => binding.closeLease(lease, resolve));
}

/** A turn of the event loop in which polled descriptors were looked at. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** An open channel handle with arenas of its own. */
export class End {
  readonly receiveArena = new Uint8Array(ARENA_BYTES);
  readonly receiveIndex = new Int32Array(64 * ROW_WORDS);
  readonly sendArena = new Uint8Array(ARENA_BYTES);
  readonly sendIndex = new Int32Array(64 * ROW_WORDS);

  constructor(readonly handle: number) {
    if (handle <= 0) throw new Error(`no channel: ${handle}`);
    binding.setReceiveArena(handle, this.receiveArena, this.receiveIndex);
    binding.setSendArena(handle, this.sendArena, this.sendIndex);
  }

  send(body: Uint8Array, type = 6, flags = 0, idLow = 0, idHigh = 0, offset8 = 2): number {
    return binding.write(this.handle, type, flags, idLow, idHigh, offset8, body);
  }

  drain(max = 64): number {
    return binding.drain(this.handle, max);
  }

  row(i: number): number[] {
    return [...this.receiveIndex.subarray(i * ROW_WORDS, (i + 1) * ROW_WORDS)];
  }

  /** Payload of row i, a copy. */
  payload(i: number): Uint8Array {
    const [, , offset = 0, length = 0] = this.row(i);
    return this.receiveArena.slice(offset, offset + length);
  }

  inspect(what: keyof typeof Inspect): number {
    const out = new Float64Array(Inspect.words);
    if (binding.inspectChannel(this.handle, out) !== 0) throw new Error('closed');
    return out[Inspect[what]] ?? Number.NaN;
  }
}

export function inspectLease(lease: number, what: keyof typeof LeaseInspect): number {
  const out = new Float64Array(LeaseInspect.words);
  if (binding.inspectLease(lease, out) !== 0) throw new Error('closed');
  return out[LeaseInspect[what]] ?? Number.NaN;
}

/** A folder that goes with its user. */
export class TestFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'vmbus-test-'));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A served node and an open lease on it, both armed. */
export class Pair implements AsyncDisposable {
  readonly folder: TestFolder;
  readonly path: string;
  readonly node: number;
  readonly nodeEvents: EventLog<readonly [number, number]>;
  readonly leaseEvents: EventLog<number>;
  readonly lease: number;
  readonly host: End;
  readonly guest: End;

  private constructor(parts: Omit<Pair, 'doorbells' | typeof Symbol.asyncDispose>) {
    this.folder = parts.folder;
    this.path = parts.path;
    this.node = parts.node;
    this.nodeEvents = parts.nodeEvents;
    this.leaseEvents = parts.leaseEvents;
    this.lease = parts.lease;
    this.host = parts.host;
    this.guest = parts.guest;
  }

  static async open(options: { readonly ringBytes?: number; readonly monitorId?: number } = {}): Promise<Pair> {
    const folder = new TestFolder();
    const path = folder.file('uio0');
    const nodeEvents = new EventLog<readonly [number, number]>();
    const leaseEvents = new EventLog<number>();
    const node = binding.serveNode(path, options.ringBytes ?? RING_BYTES, options.monitorId ?? -1, (event, value) => {
      nodeEvents.push([event, value]);
    });
    if (node <= 0) throw new Error(`serveNode: ${node}`);
    const { errno, stage, lease } = await openLease(path, {}, (event) => leaseEvents.push(event));
    if (errno !== 0) throw new Error(`openLease: errno ${errno} at stage ${stage}`);
    const host = new End(binding.attachHost(node, 0));
    const guest = new End(binding.attachPrimary(lease));
    if (host.drain() !== 0 || guest.drain() !== 0) throw new Error('a fresh ring is not empty');
    return new Pair({ folder, path, node, nodeEvents, leaseEvents, lease, host, guest });
  }

  /** Doorbells the node was told of so far. */
  get doorbells(): number {
    return this.nodeEvents.seen.filter(([event]) => event === NodeEvent.doorbell).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeLease(this.lease);
    binding.closeNode(this.node);
    this.folder[Symbol.dispose]();
  }
}

// SPDX-License-Identifier: MIT
//
// Gives held devices back when the process ends: by itself, by a signal, by an uncaught error.
// Called by driver-binding.ts. Main thread only: a worker is not asked when the process ends; driver-binding.ts starts the
// helper for it beforehand. What can't be done in a dying process is left to a helper that waits for its end.

import { isMainThread } from 'node:worker_threads';

import type { Guid } from '../../guid.js';
import { tellKernelLog } from '../interface/kernel-log.js';
import { rootKind } from '../root.js';
import type { BindingRecord } from '../types.js';
import { giveBack } from './give-back.js';
import { withLockSync } from './lock.js';
import { startRollbackAtExit } from './rollback-helper.js';
import { runStepsSync } from './steps.js';

interface Guarded {
  readonly root: string;
  readonly record: BindingRecord;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const held = new Map<string, Guarded>();
let listening = false;
/** Tells the handlers of all copies of this module from those of the script. */
const mark = Symbol.for('vmbus.exit-guard');
Object.defineProperty(onSignal, mark, { value: true });

/** Gives the device back at the end of the process, until {@link unguard}. */
export function guard(root: string, record: BindingRecord): void {
  held.set(keyOf(root, record.device), { root, record });
  if (isMainThread) listen(true);
}

/** The device was given back, or is to stay. */
export function unguard(root: string, device: Guid): void {
  held.delete(keyOf(root, device));
  if (held.size === 0) listen(false);
}

function keyOf(root: string, device: Guid): string {
  return `${device} ${root}`;
}

function listen(on: boolean): void {
  if (on === listening) return;
  listening = on;
  if (on) {
    process.on('exit', restoreAll);
    // First in the row: a handler that runs only once would otherwise be gone when ours counts the others.
    for (const signal of signals) process.prependListener(signal, onSignal);
  } else {
    process.off('exit', restoreAll);
    for (const signal of signals) process.off(signal, onSignal);
  }
}

/** A process that handles the signal itself ends when it wants to, and `exit` comes then. Else the signal is ours to pass on. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listeners(signal).some((listener) => !(mark in listener))) return;
  restoreAll();
  listen(false);
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

function restoreAll(): void {
  for (const { root, record } of held.values()) restoreNow(root, record);
  held.clear();
}

function restoreNow(root: string, record: BindingRecord): void {
  try {
    // A simulated tree's control files answer through an event loop, which this process has no more.
    const given =
      rootKind(root) === 'simulated'
        ? undefined
        : withLockSync(root, record.device, () => runStepsSync(root, giveBack(root, record, {})));
    if (given !== undefined) {
      tellKernelLog(root, given.interface);
      return;
    }
  } catch {
    // Most likely our own node is still open: that ends with the process.
  }
  startRollbackAtExit(root, record);
}

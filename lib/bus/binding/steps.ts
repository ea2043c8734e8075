// SPDX-License-Identifier: MIT
//
// Carries out the steps of a plan: writes, retries what the kernel asks to retry, accepts what is already so, and stops at
// the first refusal. Written once for both ways of running: awaiting off the event loop, and at once while the process exits.
// Called by driver-binding.ts, restore.ts, exit-guard.ts; calls write-attribute.ts, and ip-program.ts for what asks for it.
// Refusals are worded in bind-refusal.ts.

import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

import type { Guid } from '../../guid.js';
import type { Answer, Ask } from '../interface/ask.js';
import { ipProgram } from '../interface/ip-program.js';
import { boundDriver } from '../read/device-reader.js';
import { writeAttribute, writeAttributeSync } from '../write-attribute.js';
import { refusal } from './bind-refusal.js';
import type { Step } from './plan.js';

/** Something to do, asked of whoever runs the steps. It answers a write with an errno, a pause with nothing, `ip` with what it said. */
export type Action = { readonly write: Step } | Ask;

/** The device that steps are about. */
export interface Target {
  readonly root: string;
  readonly id: Guid;
}

const { EAGAIN, EBUSY, EEXIST, ENODEV, ENOENT } = constants.errno;
/** The kernel says EAGAIN while it is still announcing a device: about 3 s in all. */
const retryDelaysMs = [10, 20, 40, 80, 150, 300, 500, 900, 1000];

/** Steps one by one; `done` is told of each that changed something. Throws a VmbusError at the first that is refused. */
export function* carryOut(
  target: Target,
  steps: readonly Step[],
  done: (step: Step) => void = () => {},
): Generator<Action, void, Answer> {
  let added = false;
  for (const step of steps) {
    if (isDone(target, step) || (step.ifAdded === true && !added)) continue;
    const errno = yield* attempt(step);
    if (step.role === 'new-id') added = errno === 0;
    if (errno === 0) done(step);
    else if (!isHarmless(target, step, errno)) throw refusal(target, step, errno);
    if (step.role === 'bind' && boundDriver(target.root, target.id) !== step.driver) throw refusal(target, step, 0);
  }
}

function* attempt(step: Step): Generator<Action, number, Answer> {
  for (const delay of retryDelaysMs) {
    const errno = yield* write(step);
    if (errno !== EAGAIN) return errno;
    yield { pauseMs: delay };
  }
  return yield* write(step);
}

function* write(step: Step): Generator<Action, number, Answer> {
  const errno = yield { write: step };
  return typeof errno === 'number' ? errno : 0;
}

/** A driver that took the device by itself, as `new_id` makes it do, need not be bound again. */
function isDone(target: Target, step: Step): boolean {
  return step.role === 'bind' && boundDriver(target.root, target.id) === step.driver;
}

/** Errnos that say that things are as they should be. */
function isHarmless(target: Target, step: Step, errno: number): boolean {
  switch (step.role) {
    case 'new-id':
      return errno === EEXIST;
    case 'remove-id':
      return errno === ENODEV || errno === ENOENT;
    case 'unbind':
      return errno === ENODEV && boundDriver(target.root, target.id) !== step.driver;
    case 'bind':
      return errno === EBUSY && boundDriver(target.root, target.id) === step.driver;
    case 'clear-override':
      return errno === ENOENT;
    case 'set-override':
      return false;
    default:
      return step.role satisfies never;
  }
}

/** Runs steps off the event loop. An abort is seen between two writes, never within one. */
export async function runSteps<T>(root: string, steps: Generator<Action, T, Answer>, signal?: AbortSignal): Promise<T> {
  let next = steps.next(0);
  while (!next.done) {
    signal?.throwIfAborted();
    const action = next.value;
    let answer: Answer = 0;
    if ('write' in action) answer = await writeAttribute(root, action.write.path, action.write.write);
    else if ('ip' in action) answer = await ipProgram().run(action.ip);
    else await pause(action.pauseMs);
    next = steps.next(answer);
  }
  return next.value;
}

/** Runs steps at once, for a process that is about to end. */
export function runStepsSync<T>(root: string, steps: Generator<Action, T, Answer>): T {
  let next = steps.next(0);
  while (!next.done) {
    const action = next.value;
    let answer: Answer = 0;
    if ('write' in action) answer = writeAttributeSync(root, action.write.path, action.write.write);
    else if ('ip' in action) answer = ipProgram().runSync(action.ip);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, action.pauseMs);
    next = steps.next(answer);
  }
  return next.value;
}

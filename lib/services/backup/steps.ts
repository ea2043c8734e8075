// SPDX-License-Identifier: MIT
//
// What is brought to rest before the file systems, and woken up after them: the script's callbacks, commands, hooks.
// Called by: cycle.ts, recover.ts. Calls hook-run.ts.

import { VmbusError } from '../../errors.js';
import type { Patience } from '../../limit.js';
import { within } from '../../within.js';
import { type HookCommand, runHook } from './hook-run.js';
import type { BackupCallbacks, BackupHook, BackupThawReason, HookRun } from './types.js';

/** Limits of a step. */
export interface StepLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** One of them. */
export interface Step {
  readonly name: string;
  /** What another process can run in its stead, should this one be killed; null for a callback. */
  readonly thawWords: readonly [string, ...string[]] | null;
  /** @throws when it did not succeed */
  freeze(limits: StepLimits): Promise<void>;
  /** @throws when it did not succeed */
  thaw(limits: StepLimits, reason: BackupThawReason): Promise<void>;
}

/** Gets how each program went. */
export type TellRun = (phase: 'freeze' | 'thaw', run: HookRun) => void;

/** The script's own functions. */
export function callbackStep({ freeze, thaw }: BackupCallbacks): Step {
  return {
    name: 'the script',
    thawWords: null,
    freeze: (patience) => limited('freeze', patience, (signal) => freeze?.({ signal })),
    thaw: ({ timeoutMs }, reason) => limited('thaw', { timeoutMs }, () => thaw?.({ reason })),
  };
}

/** Commands of a shell; one that is left out does nothing. */
export function commandStep(freeze: string | undefined, thaw: string | undefined, tell: TellRun): Step {
  const words = (command: string): [string, ...string[]] => ['/bin/sh', '-c', command];
  return programStep(
    'the command',
    freeze === undefined ? null : words(freeze),
    thaw === undefined ? null : words(thaw),
    tell,
  );
}

/** A hook: it gets one argument, `freeze` or `thaw`. */
export function hookStep({ name, path }: BackupHook, tell: TellRun): Step {
  return programStep(name, [path, 'freeze'], [path, 'thaw'], tell);
}

function programStep(
  name: string,
  freeze: HookCommand['words'] | null,
  thaw: HookCommand['words'] | null,
  tell: TellRun,
): Step {
  return {
    name,
    thawWords: thaw,
    freeze: async ({ timeoutMs, signal }) => {
      if (!freeze) return;
      const run = await runHook({ name, words: freeze }, { timeoutMs, signal, env: { VMBUS_PHASE: 'freeze' } });
      tell('freeze', run);
      throwIfFailed('freeze', run);
    },
    thaw: async ({ timeoutMs }, reason) => {
      if (!thaw) return;
      const run = await runHook(
        { name, words: thaw },
        { timeoutMs, env: { VMBUS_PHASE: 'thaw', VMBUS_REASON: reason } },
      );
      tell('thaw', run);
      throwIfFailed('thaw', run);
    },
  };
}

function throwIfFailed(phase: string, { name, problem, output }: HookRun): void {
  if (problem === null) return;
  const last = output.split('\n').at(-1) ?? '';
  const said = last === '' ? '' : `: ${last.slice(0, 200)}`;
  throw new VmbusError('ERR_VMBUS_REFUSED', `${name} ${phase} ${problem}${said}`, {
    facts: { hook: name, phase, output },
  });
}

/** A callback that may never come to its end. */
async function limited(what: string, patience: Patience, call: (signal: AbortSignal) => unknown): Promise<void> {
  await within(
    patience,
    call,
    (ms) => new VmbusError('ERR_VMBUS_TIMEOUT', `the callback ${what} took longer than ${ms} ms`),
  );
}

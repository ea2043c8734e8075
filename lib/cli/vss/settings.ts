// SPDX-License-Identifier: MIT
//
// Options of `hv vss` as settings of the library, and events as lines.

import { resolve } from 'node:path';
import type { BackupEvent, BackupSettings } from '../../index.js';
import type { Context } from '../context.js';
import { describeFailure } from '../failure.js';
import { harmless } from '../harmless.js';
import type { Output } from '../output.js';

/** Options of `dry-run` and `serve`. */
export interface StepOptions {
  readonly hooks?: string;
  readonly onFreeze?: string;
  readonly onThaw?: string;
  readonly deadline: number;
  readonly hookTimeout: number;
  readonly leaveOut?: readonly string[];
}

/** The library's settings. */
export async function settingsOf(context: Context, options: StepOptions): Promise<BackupSettings> {
  const { hooks, onFreeze, onThaw, deadline, hookTimeout, leaveOut } = options;
  return {
    root: await context.root(),
    deadlineMs: deadline,
    hookTimeoutMs: hookTimeout,
    ...(hooks === undefined ? {} : { hooks: resolve(hooks) }),
    ...(leaveOut === undefined ? {} : { leaveOut }),
    commands: {
      ...(onFreeze === undefined ? {} : { freeze: onFreeze }),
      ...(onThaw === undefined ? {} : { thaw: onThaw }),
    },
  };
}

/** Prints an event: a line, or a record. */
export function printEvent(event: BackupEvent, out: Output): void {
  const { time, ...facts } = event;
  if (out.json) {
    const plain = 'error' in facts ? { ...facts, error: describeFailure(facts.error) } : facts;
    out.record('vmbus.vss-event/1', { time: time.toISOString(), ...plain });
    return;
  }
  const { paint } = out;
  const clock = paint.dim(`${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`);
  for (const line of eventLines(event, out)) out.line(`${clock} ${line}`);
}

function eventLines(event: BackupEvent, { paint }: Output): string[] {
  switch (event.kind) {
    case 'state':
      return [`the service is ${event.state}`];
    case 'freezing':
      return [`freezing ${event.points.map(harmless).join(' ') || 'no file system'}`];
    case 'frozen': {
      const foreign = event.foreign.map((point) => `${harmless(point)} was frozen before, by somebody else`);
      return [`${paint.bold('frozen')} in ${event.tookMs} ms`, ...foreign.map((text) => paint.warn(text))];
    }
    case 'hook': {
      const { name, problem, tookMs, output } = event.run;
      const head = `${event.phase} ${harmless(name)}: ${problem === null ? 'ok' : paint.bad(problem)} in ${tookMs} ms`;
      return [head, ...(output === '' ? [] : output.split('\n').map((line) => `  ${paint.dim(harmless(line))}`))];
    }
    case 'thawed': {
      const held = event.heldMs === null ? '' : ` after ${event.heldMs} ms`;
      const still = event.stillFrozen.map((point) => paint.bad(`${harmless(point)} may still be frozen: hv vss thaw`));
      return [`${paint.bold('thawed')}${held} (${event.reason})`, ...still];
    }
    case 'refused':
    case 'thaw-failed': {
      const { message, hint } = describeFailure(event.error);
      const what = event.kind === 'refused' ? 'refused' : 'the thaw failed in part';
      return [paint.bad(`${what}: ${message}`), ...(hint ? [`  hint: ${hint}`] : [])];
    }
    case 'recovered':
      return [`what process ${event.pid} had brought to rest before it was killed is awake again`];
    default:
      return event satisfies never;
  }
}

// SPDX-License-Identifier: MIT
// One start of a machine for one command: boots or restores it, hands over the job, waits for the end, tells the result.
// Called by lab.ts. Calls session.ts, snapshot.ts and emulation-fault.ts.
import type { Writable } from 'node:stream';
import { emulationFault } from './emulation-fault.js';
import type { Job } from './job.js';
import type { GuestSize } from './machine.js';
import { Session } from './session.js';
import { RESTORE_ARGUMENTS, restoreSnapshot, saveSnapshot } from './snapshot.js';

/** A restored guest takes its job within milliseconds; a machine at its limits gets much more. */
const RESTORE_TIMEOUT_MS = 60_000;

/** The lab broke: no result of the command is known. */
export class LabFailure extends Error {
  /** The last lines of both machines' consoles, ready to print. */
  readonly consoles: string;
  /** Where it was the emulated processor that failed: how that showed. */
  readonly emulationFault: string | undefined;

  constructor(message: string, consoles: string, emulationFault?: string) {
    super(message);
    this.consoles = consoles;
    this.emulationFault = emulationFault;
  }
}

/** One command in the guest. */
export interface GuestRun extends Job, GuestSize {
  readonly timeoutMs: number;
  /** Takes the command's standard output and error, as they come. */
  readonly output: Writable;
  /** False: boot, even if a snapshot is there, and leave none. */
  readonly useSnapshot?: boolean;
  readonly note?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface GuestResult {
  /** Exit status of the command. */
  readonly status: number;
  /** What the command wrote to /dev/virtio-ports/lab.report. */
  readonly report: string;
  readonly consoles: string;
}

/** Files of snapshots: one to start from, or one to leave behind. */
export interface SnapshotUse {
  readonly restore?: string;
  readonly save?: string;
}

/** How an attempt without a result ended. */
export interface Failed {
  /** The command may have been started. */
  readonly began: boolean;
  /** Set where it was the emulated processor's doing, not of what ran in the guest: how that showed. */
  readonly emulationFault: string | undefined;
  readonly failure: LabFailure;
}

/** Starts QEMU with that command line and sees the run through. */
export async function attempt(
  command: readonly string[],
  run: GuestRun,
  archive: Uint8Array,
  snapshot: SnapshotUse,
  mode: 'direct' | 'nested',
): Promise<GuestResult | Failed> {
  run.signal?.throwIfAborted();
  const session = new Session({
    command: snapshot.restore === undefined ? command : [...command, ...RESTORE_ARGUMENTS],
    output: run.output,
    onProgress: (line) => run.note?.(line),
  });
  const timeout = setTimeout(() => session.kill(`no result within ${run.timeoutMs / 1000} s`), run.timeoutMs);
  const abort = (): void => session.kill('interrupted');
  run.signal?.addEventListener('abort', abort);
  try {
    await drive(session, archive, snapshot, run.note ?? (() => undefined));
  } catch (error) {
    session.kill(error instanceof Error ? error.message : String(error));
  } finally {
    await session.ended;
    clearTimeout(timeout);
    run.signal?.removeEventListener('abort', abort);
  }
  const status = /^exit (\d+)/m.exec(session.progress)?.[1];
  const consoles = consolesOf(session);
  if (status !== undefined) return { status: Number(status), report: session.report, consoles };
  const failure = new LabFailure(
    `${session.ending}; progress: ${session.progress.trim().replaceAll('\n', ', ') || 'none'}`,
    consoles,
  );
  const { progress, consoles: said, endedByItself } = session;
  const guestEnded = progress.includes('guest machine ended with 0');
  const outerVanished = mode === 'nested' && endedByItself && !progress.includes('guest machine ended');
  const fault = emulationFault(said, outerVanished ? 'outer' : guestEnded ? 'guest' : null);
  return { began: progress.includes('job received'), emulationFault: fault, failure };
}

async function drive(
  session: Session,
  archive: Uint8Array,
  { restore, save }: SnapshotUse,
  note: (text: string) => void,
): Promise<void> {
  if (restore !== undefined) {
    const timer = setTimeout(() => session.kill('the restored guest does not answer'), RESTORE_TIMEOUT_MS);
    try {
      await restoreSnapshot(session, restore);
      note('snapshot restored');
      session.sendJob(archive);
      await session.progressLine(/^job received/m);
    } finally {
      clearTimeout(timer);
    }
  } else {
    const ready = await session.progressLine(/^guest ready/m);
    if (ready && save !== undefined) note(await saveSnapshot(session, save));
    session.sendJob(archive);
  }
  await session.ended;
}

function consolesOf({ consoles }: Session): string {
  const show = (name: string, lines: string): string => (lines === '' ? '' : `---- console of the ${name}\n${lines}\n`);
  return show('outer machine', consoles.outer.lastLines(60)) + show('guest', consoles.guest.lastLines(120));
}

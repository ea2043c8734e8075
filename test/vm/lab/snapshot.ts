// SPDX-License-Identifier: MIT
// Saves a machine that waits for its job, and brings it back: a restored guest is there within a second.
// A snapshot fits exactly one command line of QEMU, so its name is made of that.
// Called by attempt.ts and hosted/. Facts: docs/devel/migration of QEMU.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { touch, unfinishedName } from './cache.js';
import { fingerprint } from './image-builder.js';
import { type QmpClient, QmpError } from './qmp-client.js';

/** A running QEMU, as far as this needs it. */
interface Session {
  readonly monitor: QmpClient;
}

/** QEMU holds back a migration to 128 MiB/s unless told otherwise. */
const UNLIMITED = 1e11;
/** Lets the guest go from saying "ready" to sleeping in its read of the job. */
const SETTLE_MS = 200;
const STATUS_INTERVAL_MS = 10;

/** Where the snapshot of machines with that command line lies, whether it is there or not. */
export function snapshotFile(cache: string, command: readonly string[]): string {
  return path.join(cache, 'snapshots', `${fingerprint(command)}.state`);
}

export const hasSnapshot = (file: string): boolean => touch(file);

/** Arguments that make QEMU wait for a snapshot instead of booting. */
export const RESTORE_ARGUMENTS = ['-incoming', 'defer'] as const;

async function migrationEnds(session: Session): Promise<string> {
  const { data } = await session.monitor.event(
    'MIGRATION',
    ({ status }) => status === 'completed' || status === 'failed',
  );
  return String(data.status);
}

/**
 * Waits until QEMU is done with a migration in its own eyes. "completed" comes earlier, and `cont` would be refused, or
 * lost, in between; no event tells the difference. The run's time limit ends this wait if need be.
 */
async function machineIs(session: Session, wanted: 'postmigrate' | 'paused'): Promise<void> {
  for (;;) {
    const answer = (await session.monitor.execute('query-status')) as { readonly status: string };
    if (answer.status === wanted) return;
    await pause(STATUS_INTERVAL_MS);
  }
}

async function prepare(session: Session): Promise<void> {
  await session.monitor.negotiate();
  await session.monitor.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
}

/**
 * Saves the machine and lets it run on. That it cannot be saved is no failure of the run.
 * @returns what to note about it
 */
export async function saveSnapshot(session: Session, file: string): Promise<string> {
  const { monitor } = session;
  await prepare(session);
  await pause(SETTLE_MS);
  await monitor.execute('stop');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const unfinished = unfinishedName(file);
  try {
    await monitor.execute('migrate-set-parameters', { 'max-bandwidth': UNLIMITED });
    const status = await saved(session, unfinished);
    await machineIs(session, status === 'completed' ? 'postmigrate' : 'paused');
    if (status === 'completed') fs.renameSync(unfinished, file);
    await monitor.execute('cont');
    return `snapshot ${status}`;
  } finally {
    fs.rmSync(unfinished, { force: true });
  }
}

/** Has the machine written to a file. @returns how that ended; a full disk is not our failure */
async function saved(session: Session, file: string): Promise<string> {
  try {
    await session.monitor.execute('migrate', { uri: `file:${file}` });
  } catch (error) {
    if (error instanceof QmpError) return `refused: ${error.message}`;
    throw error;
  }
  return migrationEnds(session);
}

/** Loads a snapshot into a QEMU that was started with RESTORE_ARGUMENTS, and lets the machine run. */
export async function restoreSnapshot(session: Session, file: string): Promise<void> {
  await prepare(session);
  await session.monitor.execute('migrate-incoming', { uri: `file:${file}` });
  const status = await migrationEnds(session);
  if (status !== 'completed') throw new Error(`loading the snapshot ${status}`);
  await machineIs(session, 'paused');
  await session.monitor.execute('cont');
}

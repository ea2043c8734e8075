// SPDX-License-Identifier: MIT
//
// What commands can have the integration services do.
// Called by: by-name.ts. Calls: the methods of their providers.

import { createReadStream, statSync } from 'node:fs';
import { basename, posix } from 'node:path';

import { VmbusError } from '../../../errors.js';
import { icStatusName } from '../../../protocol/ic.js';
import { KvpPool } from '../../../protocol/kvp.js';
import type { FcopyProvider } from '../fcopy.js';
import type { HeartbeatProvider } from '../heartbeat.js';
import type { IcProvider } from '../ic-device.js';
import type { KvpPoolName, KvpProvider } from '../kvp.js';
import type { ShutdownProvider } from '../shutdown.js';
import type { TimesyncProvider } from '../timesync.js';
import type { VssProvider } from '../vss.js';
import type { NamedVerb } from './types.js';
import { number, oneOf, optional, text, verb } from './verb.js';

const patienceMs = 60_000;

/** Verbs of all of them. */
const service = {
  state: verb('tells where the service is', [], ({ state, versions }: IcProvider<unknown>) => ({ state, versions })),
  ready: verb('waits until the guest serves it', [optional(number('MS'))], readyWithin),
  renegotiate: verb('agrees on versions once more', [], (device: IcProvider<unknown>) =>
    device.renegotiate({ timeoutMs: patienceMs }),
  ),
};

function readyWithin(device: IcProvider<unknown>, timeoutMs: number = patienceMs): Promise<void> {
  return device.ready({ timeoutMs });
}

export const heartbeatVerbs: Readonly<Record<string, NamedVerb>> = {
  ...service,
  state: verb('tells how the guest is', [], ({ state, versions, hasContact, health, counts }: HeartbeatProvider) => ({
    state,
    versions,
    hasContact,
    health,
    counts,
  })),
};

/** Whether the guest waits for applications is the first thing that it is told. */
const force = optional(oneOf('force', ['force']));

export const shutdownVerbs: Readonly<Record<string, NamedVerb>> = {
  ...service,
  off: verb('asks the guest to power off', [force], async (power: ShutdownProvider, how) =>
    answered(await power.shutdown({ force: how !== undefined })),
  ),
  restart: verb('asks the guest to restart', [force], async (power: ShutdownProvider, how) =>
    answered(await power.restart({ force: how !== undefined })),
  ),
  hibernate: verb('asks the guest to hibernate', [], async (power: ShutdownProvider) =>
    answered(await power.hibernate()),
  ),
};

function answered(status: number): { readonly status: number; readonly name: string } {
  return { status, name: icStatusName(status) };
}

export const timesyncVerbs: Readonly<Record<string, NamedVerb>> = {
  ...service,
  sync: verb('tells the guest to set its clock', [], async (clock: TimesyncProvider) => ({
    time: new Date(Number((await clock.sync()) / 10_000n)).toISOString(),
  })),
};

const pool = optional(oneOf('POOL', Object.keys(KvpPool) as KvpPoolName[]));

export const kvpVerbs: Readonly<Record<string, NamedVerb>> = {
  ...service,
  set: verb('sets a key of the guest', [text('KEY'), text('VALUE'), pool], (pairs: KvpProvider, key, value, where) =>
    pairs.set(key, value, where && { pool: where }),
  ),
  get: verb('reads a key', [text('KEY'), pool], (pairs: KvpProvider, key, where) =>
    pairs.get(key, where && { pool: where }),
  ),
  ls: verb('lists a pool', [pool], (pairs: KvpProvider, where = 'external') => pairs.enumerate(where)),
  delete: verb('deletes a key', [text('KEY'), pool], (pairs: KvpProvider, key, where) =>
    pairs.delete(key, where && { pool: where }),
  ),
  ip: verb('tells the addresses of an adapter', [text('ADAPTER')], (pairs: KvpProvider, adapter) =>
    pairs.getIpInfo(adapter),
  ),
};

export const vssVerbs: Readonly<Record<string, NamedVerb>> = {
  ...service,
  state: verb('tells whether the guest is frozen', [], ({ state, versions, isFrozen }: VssProvider) => ({
    state,
    versions,
    isFrozen,
  })),
  check: verb('asks whether it can be backed up while it runs', [], async (backup: VssProvider) => ({
    flags: await backup.hotBackupCheck(),
  })),
  freeze: verb(
    'freezes file systems, at most so long',
    [optional(number('MS'))],
    async (backup: VssProvider, thawAfterMs) => {
      await backup.freeze(thawAfterMs === undefined ? {} : { thawAfterMs });
    },
  ),
  thaw: verb('thaws them', [], (backup: VssProvider) => backup.thaw()),
};

export const fcopyVerbs: Readonly<Record<string, NamedVerb>> = {
  ...service,
  send: verb(
    'sends a file; a PATH that ends with / is a folder',
    [text('FILE'), text('PATH'), optional(oneOf('overwrite', ['overwrite']))],
    async (files: FcopyProvider, file, to, how) => {
      const isFolder = to.endsWith('/');
      const path = isFolder ? to : posix.dirname(to);
      const name = isFolder ? basename(file) : posix.basename(to);
      const sizeBytes = sizeOf(file);
      const sentBytes = await files.send(contents(file), {
        path,
        name,
        sizeBytes,
        overwrite: how !== undefined,
      });
      return { path: posix.join(path, name), sentBytes };
    },
  ),
};

/** Opened when the guest is ready for it: it may never be. */
async function* contents(file: string): AsyncIterable<Uint8Array> {
  yield* createReadStream(file) as AsyncIterable<Uint8Array>;
}

function sizeOf(file: string): number {
  try {
    const stats = statSync(file);
    if (stats.isFile()) return stats.size;
  } catch (cause) {
    throw new VmbusError('ERR_VMBUS_SYSTEM', `cannot read ${file}`, { path: file, cause, hint: `ls -l ${file}` });
  }
  throw new VmbusError('ERR_VMBUS_NODE_KIND', `${file} is no regular file`, {
    path: file,
    hint: 'name a file to send',
  });
}

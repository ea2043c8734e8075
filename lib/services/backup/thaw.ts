// SPDX-License-Identifier: MIT
//
// Thaws file systems whoever froze them: the way out after a freezer was killed.
// Called by: scripts, freezer.ts, `hv vss thaw`.

import { resolveRoot } from '../../bus/root.js';
import { errnoName, VmbusError } from '../../errors.js';
import { freezerPath } from '../../native/freezer-path.js';
import { FreezerProcess, targetWords } from './freezer-process.js';
import { planBackup } from './plan.js';
import type { BackupPlanOptions, FreezeTarget, ThawedMount } from './types.js';

const notFrozen = 'EINVAL';

/**
 * Thaws every file system that a backup would freeze, whoever froze it and whenever; those that are not frozen are left as they
 * are. For a machine that hangs because who froze it is gone.
 * @throws VmbusError ERR_VMBUS_NATIVE_LOAD, ERR_VMBUS_UNSUPPORTED (a root other than this machine's)
 * @example
 * for (const { point, was } of await thawFileSystems()) console.log(point, was);
 * @category Backup
 */
export async function thawFileSystems(options: BackupPlanOptions = {}): Promise<readonly ThawedMount[]> {
  const { order } = planBackup(options);
  requireThisMachine(options.root);
  return thawTargets(order, freezerPath());
}

/** @throws VmbusError ERR_VMBUS_UNSUPPORTED: file systems of another tree are not to be touched */
export function requireThisMachine(root: string | undefined): void {
  const folder = resolveRoot(root);
  if (folder === '/') return;
  throw new VmbusError(
    'ERR_VMBUS_UNSUPPORTED',
    `the tree in ${folder} is not this machine's: nothing of it can be frozen`,
    {
      path: folder,
      hint: 'leave --root and VMBUS_ROOT away, inside the guest',
    },
  );
}

/** Thaws these, the last one first. */
export async function thawTargets(targets: readonly FreezeTarget[], program: string): Promise<ThawedMount[]> {
  if (targets.length === 0) return [];
  const thawed: ThawedMount[] = [];
  const freezer = new FreezerProcess(program, ['--thaw', ...targetWords(targets)], (line) => {
    if (line.kind !== 'thawed') return;
    const { point = '?' } = targets[line.index] ?? {};
    thawed.push({ point, ...stateAfter(line.errno) });
  });
  await freezer.ended;
  return thawed;
}

function stateAfter(errno: number): Pick<ThawedMount, 'was' | 'errno'> {
  if (errno === 0) return { was: 'frozen', errno: null };
  const name = errnoName(errno);
  return name === notFrozen ? { was: 'not-frozen', errno: null } : { was: 'unknown', errno: name };
}

// SPDX-License-Identifier: MIT
//
// What a freeze would do with each mount, and why: the same rules as the distribution's daemon has, each file system once, and
// obstacles named before anything is touched.
// Called by: scripts, cycle.ts, `hv vss explain`. Calls mountinfo, mount-look, loop-device, file-system-types.

import { resolveRoot, under } from '../../bus/root.js';
import { readTableLines } from '../../bus/use/proc-table.js';
import { checkObject, checkOptionNames } from '../../check.js';
import { invalidType } from '../../errors.js';
import { cannotFreeze } from './file-system-types.js';
import { isOnLoop } from './loop-device.js';
import { lookAt, type MountLook } from './mount-look.js';
import { type MountEntry, parseMountinfo } from './mountinfo.js';
import type { BackupPlan, BackupPlanOptions, FreezeTarget, MountReason, MountVerdict, PlannedMount } from './types.js';

/** What is asked of the machine besides its table of mounts. Tests answer themselves. */
export interface PlanSight {
  look(entry: MountEntry): MountLook | null;
  isOnLoop(entry: MountEntry): boolean;
}

/**
 * What a freeze for a backup would do: which file systems it would freeze in which order, which it would leave alone, and for
 * which it would be refused. Changes nothing and needs no rights, though without them it can't see every mount point.
 * @throws VmbusError ERR_VMBUS_NOT_A_GUEST (no such root); TypeError
 * @example
 * const { obstacles } = planBackup();
 * for (const { point, says } of obstacles) console.log(`${point}: ${says}`);
 * @category Backup
 */
export function planBackup(options: BackupPlanOptions = {}): BackupPlan {
  checkOptionNames(options, ['root', 'leaveOut']);
  checkObject(options, 'options', 'an object');
  const leaveOut = checkLeaveOut(options.leaveOut);
  const root = resolveRoot(options.root);
  const table = readTableLines(under(root, 'proc/self/mountinfo')).join('\n');
  return planMounts(parseMountinfo(table), leaveOut, sightOf(root));
}

/** @throws TypeError unless it is a list of strings, or absent */
export function checkLeaveOut(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value as string[];
  throw invalidType('options.leaveOut', 'an array of mount points or sources', value);
}

/** In a foreign tree paths lead to nothing that is mounted there: the table is all there is to go by. */
function sightOf(root: string): PlanSight {
  return {
    look: ({ id, device, point }) => (root === '/' ? lookAt(point) : { isFolder: true, device, mountId: id }),
    isOnLoop: ({ device, source }) => isOnLoop(root, device, source),
  };
}

/** The plan for a table of mounts. */
export function planMounts(entries: readonly MountEntry[], leaveOut: readonly string[], sight: PlanSight): BackupPlan {
  const verdicts = new Map<MountEntry, PlannedMount>();
  const targets: { readonly target: FreezeTarget; readonly isRoot: boolean }[] = [];
  for (const group of fileSystems(entries)) {
    const [first] = group;
    if (!first) continue;
    const shared = sharedVerdict(group, leaveOut, sight);
    if (shared) {
      for (const entry of group) verdicts.set(entry, planned(entry, ...shared));
      continue;
    }
    const chosen = chooseMount(group, sight);
    if (!chosen) {
      const says = 'no mount point of it can be reached: only files of it are mounted here, or other mounts hide it';
      for (const entry of group) verdicts.set(entry, planned(entry, 'fail', 'unreachable', says));
      continue;
    }
    const { entry: frozen, look } = chosen;
    for (const entry of group) {
      const says = `is the same file system as ${frozen.point}`;
      verdicts.set(
        entry,
        entry === frozen ? planned(entry, 'freeze', null, null) : planned(entry, 'skip', 'duplicate', says),
      );
    }
    targets.push({
      target: { point: frozen.point, device: look.device },
      isRoot: group.some(({ point }) => point === '/'),
    });
  }
  const mounts = entries.flatMap((entry) => verdicts.get(entry) ?? []);
  // The youngest first: what it stands on, if that is another file system here, was there before it. The root last: it is
  // thawed first, and everybody needs it.
  const order = [...targets.filter(({ isRoot }) => !isRoot).reverse(), ...targets.filter(({ isRoot }) => isRoot)];
  // Of a file system that is mounted many times one obstacle is enough.
  const obstacles = new Map(
    mounts.filter(({ verdict }) => verdict === 'fail').map((mount) => [mount.device, mount] as const),
  );
  return { mounts, order: order.map(({ target }) => target), obstacles: [...obstacles.values()] };
}

/** Mounts by the file system that they show, in the order of the first mount of each. */
function fileSystems(entries: readonly MountEntry[]): Iterable<readonly MountEntry[]> {
  const groups = new Map<string, MountEntry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.device);
    if (group) group.push(entry);
    else groups.set(entry.device, [entry]);
  }
  return groups.values();
}

type Verdict = readonly [MountVerdict, MountReason | null, string | null];

/** What holds for all mounts of a file system; null if it is to be frozen. */
function sharedVerdict(group: readonly MountEntry[], leaveOut: readonly string[], sight: PlanSight): Verdict | null {
  const entry = group.find(({ source }) => source.startsWith('/dev/'));
  if (!entry) return ['skip', 'no-disk', 'is not on a disk of this machine'];
  if (entry.isReadOnly) return ['skip', 'read-only', 'is read-only'];
  if (entry.type === 'vfat') return ['skip', 'vfat', 'vfat has no way to be frozen; such are firmware partitions'];
  if (sight.isOnLoop(entry)) return ['skip', 'loop', 'is in a file of another file system (loop device)'];
  if (group.some(({ point, source }) => leaveOut.includes(point) || leaveOut.includes(source)))
    return ['skip', 'left-out', 'is left out as asked for'];
  if (cannotFreeze(entry.type)) return ['fail', 'type', `${entry.type} can't be frozen; leave it out, or unmount it`];
  return null;
}

/** The mount by which a file system is frozen: a folder, that can be seen. A whole one if there is one, then the shortest path. */
function chooseMount(
  group: readonly MountEntry[],
  sight: PlanSight,
): { readonly entry: MountEntry; readonly look: MountLook } | null {
  const rank = ({ part, point }: MountEntry): number => (part === '/' ? 0 : 100_000) + point.length;
  const sorted = [...group].sort((a, b) => rank(a) - rank(b));
  for (const entry of sorted) {
    // A path that is not valid UTF-8 can't be handed on as it is.
    if (entry.point.includes('\ufffd')) continue;
    const look = sight.look(entry);
    if (look?.isFolder && (look.mountId === null || look.mountId === entry.id)) return { entry, look };
  }
  return null;
}

function planned(
  { point, source, type, device }: MountEntry,
  verdict: MountVerdict,
  reason: MountReason | null,
  says: string | null,
): PlannedMount {
  return { point, source, type, device, verdict, reason, says };
}

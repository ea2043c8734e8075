// SPDX-License-Identifier: MIT
//
// What scripts see of backups. Nothing runs here.

/** What a freeze does with a file system. */
export type MountVerdict = 'freeze' | 'skip' | 'fail';

/** Why a mount is not frozen. */
export type MountReason =
  /** Its source is no block device: nothing of it is on a disk of this machine. */
  | 'no-disk'
  /** It stands on a loop device: its content is in a file of a file system that is frozen itself. */
  | 'loop'
  | 'read-only'
  /** A firmware partition, most likely; the type can't be frozen. */
  | 'vfat'
  /** The same file system is frozen at another mount of it. */
  | 'duplicate'
  /** Left out as asked for. */
  | 'left-out'
  /** Its type can't be frozen: the freeze would be refused. */
  | 'type'
  /** Only a file of it is mounted, or each mount of it is hidden below another one: there is nothing to freeze it by. */
  | 'unreachable';

/** A file system at one of its mounts. */
export interface PlannedMount {
  readonly point: string;
  readonly source: string;
  readonly type: string;
  /** `major:minor` of the file system, as mountinfo has it. */
  readonly device: string;
  readonly verdict: MountVerdict;
  readonly reason: MountReason | null;
  /** The reason in words. */
  readonly says: string | null;
}

/** What a freeze would do. */
export interface BackupPlan {
  /** Every mount, in the order in which they were made. */
  readonly mounts: readonly PlannedMount[];
  /** Those that are frozen, in the order in which that is done: the youngest first, the root last. */
  readonly order: readonly FreezeTarget[];
  /** Those for which a freeze is refused. Empty: it can be done. */
  readonly obstacles: readonly PlannedMount[];
}

/** A file system as the freezer gets it. */
export interface FreezeTarget {
  readonly point: string;
  /** `major:minor` that stat(2) answers at its mount point: what is checked before it is frozen. */
  readonly device: string;
}

/** Options of `planBackup`. */
export interface BackupPlanOptions {
  /** Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  /** Mount points or sources to leave out. */
  readonly leaveOut?: readonly string[];
}

/** What became of a file system that was to be thawed. */
export interface ThawedMount {
  readonly point: string;
  /** `unknown`: it could not be thawed, for the reason in `errno`. */
  readonly was: 'frozen' | 'not-frozen' | 'unknown';
  /** `EIO` … */
  readonly errno: string | null;
}

/** How a freeze ended. */
export interface FreezeEnd {
  /** As it was asked for, and not before. Only then is what was copied meanwhile of one moment. */
  readonly isWhole: boolean;
  /** `killed`: the freezer was; its file systems were thawed by another one. */
  readonly reason: 'told' | 'closed' | 'deadline' | 'signal' | 'failed' | 'killed';
  /** File systems that are still frozen, or may be: `hv vss thaw`. */
  readonly stillFrozen: readonly string[];
  /** Somebody else thawed these before we did. */
  readonly thawedByOthers: readonly string[];
}

/** File systems that are frozen. Leaving the scope thaws them. */
export interface FrozenFileSystems extends AsyncDisposable {
  /** In the order in which they were frozen. */
  readonly points: readonly string[];
  /** Frozen before by somebody else, who has to thaw them as well. */
  readonly foreign: readonly string[];
  /** Resolves when they are thawed, whoever had it done. Never rejects. */
  readonly ended: Promise<FreezeEnd>;
  /** Thaws them. Safe to call twice. */
  thaw(): Promise<FreezeEnd>;
}

/** A program in a folder of hooks. */
export interface BackupHook {
  readonly name: string;
  readonly path: string;
  /** Why it can't be run: `is not executable`. Null if it can. */
  readonly problem: string | null;
}

/** How a hook went. */
export interface HookRun {
  readonly name: string;
  /** `failed with status 2`; null for success. */
  readonly problem: string | null;
  /** The end of what it printed, on either stream; at most 8 KiB. */
  readonly output: string;
  readonly droppedBytes: number;
  readonly tookMs: number;
}

/** Why file systems and applications were thawed. */
export type BackupThawReason =
  /** The host asked for it, or the script. */
  | 'asked'
  /** The freeze did not succeed. */
  | 'failed'
  /** It took so long that nobody waits for it any more. */
  | 'late'
  /** They were held for as long as they may be. */
  | 'deadline'
  /** The service is off: the host will not come back to it. */
  | 'gone'
  /** The script ends. */
  | 'closed'
  /** The freezer did it: it was told to end, or was killed. */
  | 'freezer';

/** What happens. Told after the thaw, in order, with the time at which it happened: nothing is written while all is frozen. */
export type BackupEvent = { readonly time: Date } & (
  | { readonly kind: 'state'; readonly state: 'absent' | 'registering' | 'ready' | 'closed' }
  | { readonly kind: 'freezing'; readonly points: readonly string[] }
  | { readonly kind: 'hook'; readonly phase: 'freeze' | 'thaw'; readonly run: HookRun }
  | {
      readonly kind: 'frozen';
      readonly points: readonly string[];
      readonly foreign: readonly string[];
      readonly tookMs: number;
    }
  | { readonly kind: 'refused'; readonly error: unknown }
  | {
      readonly kind: 'thawed';
      readonly reason: BackupThawReason;
      /** Milliseconds from frozen to thawed; null where it was not frozen. */
      readonly heldMs: number | null;
      readonly stillFrozen: readonly string[];
    }
  /** A step of the thaw failed; the others were done. */
  | { readonly kind: 'thaw-failed'; readonly error: unknown }
  /** A run before this one was killed in the middle: what it had frozen was thawed now. */
  | { readonly kind: 'recovered'; readonly pid: number }
);

/** What a script does beside the file systems. */
export interface BackupCallbacks {
  /** Brings an application to rest; before the file systems are frozen. An error refuses the freeze. */
  freeze?(call: { readonly signal: AbortSignal }): void | Promise<void>;
  /**
   * Wakes it up; after the file systems are thawed. Also called when the freeze was begun and failed.
   */
  thaw?(call: { readonly reason: BackupThawReason }): void | Promise<void>;
}

/** How a machine is brought to rest. */
export interface BackupSettings extends BackupCallbacks {
  /** Default VMBUS_ROOT or `/`. Of any other root than `/` no file system is frozen; hooks run all the same. */
  readonly root?: string;
  /** Folder of hooks: programs that get `freeze` before the file systems and, in the other order, `thaw` after them. */
  readonly hooks?: string;
  /** Commands of /bin/sh, in the same places as the hooks. */
  readonly commands?: { readonly freeze?: string; readonly thaw?: string };
  /** Everything is thawed so long after it was frozen, whoever still counts on it. Default 60 000. */
  readonly deadlineMs?: number;
  /** For callbacks, commands and hooks together, on each way. Default 20 000; on the way back at most 15 000. */
  readonly hookTimeoutMs?: number;
  /** Mount points or sources that are not frozen. */
  readonly leaveOut?: readonly string[];
  /** Thaw also what somebody else had frozen before us. Default false. */
  readonly ownForeign?: boolean;
  /** Told what happens; of a freeze when it is over. */
  onEvent?(event: BackupEvent): void;
}

/** Options of `serveBackup`. */
export interface ServeBackupOptions extends BackupSettings {
  /** Ends the service; what is frozen is thawed. */
  readonly signal?: AbortSignal;
  /** Wait for a host that has the service switched off. Default false. */
  readonly wait?: boolean;
}

/** Options of `freezeMachine`. */
export interface FreezeMachineOptions extends BackupSettings {
  /** Gives up a freeze that is not done yet. */
  readonly signal?: AbortSignal;
}

/** A machine at rest. Leaving the scope thaws it. */
export interface FrozenMachine extends AsyncDisposable {
  /** Whether everything is at rest still. */
  readonly isWhole: boolean;
  /** Thaws it, unless that has happened. @throws VmbusError ERR_VMBUS_REFUSED when it had not been at rest until now */
  thaw(): Promise<void>;
}

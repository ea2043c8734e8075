// SPDX-License-Identifier: MIT
//
// What a process and the simulated host that it started say to each other: JSON lines on the child's stdin and stdout.
// Shared by host-process.ts (parent) and process-main.ts, process-host.ts (child).

import type { PlainError } from './plain.js';
import type { NamedDevice } from './providers/by-name.js';
import type { HostEvent, HostEventPlace } from './types.js';

/** First line of the parent. */
export interface ProcessOptions {
  /** Devices by name, see `providersByName`: `NAME`, `NAME:PART,…`, or a name with its options. */
  readonly devices: readonly (NamedDevice | string)[];
  /** Folder to serve; must not exist or be empty. Default: a fresh one. */
  readonly root?: string;
  /** Virtual CPUs the tree shows. Default: as this machine has, at most 8. */
  readonly cpus?: number;
  /** Bind every device to uio_hv_generic at once. Default false. */
  readonly bound?: boolean;
  /** Refuse devices without a monitor id at bind, as Linux 6.1 and older does. Default false. */
  readonly requireMonitor?: boolean;
  /** File to write down in what guests and devices say to each other; must not exist. `readRecording` reads it. */
  readonly record?: string;
}

/** A command of the parent. */
export type ProcessRequest =
  | { readonly verb: 'rescind' | 'vanish'; readonly device: string }
  | { readonly verb: 'add'; readonly device: NamedDevice | string }
  | { readonly verb: 'refresh' | 'list' }
  /** Tell events from now on, those that waited first; or let them wait. */
  | { readonly verb: 'listen'; readonly on: boolean }
  /** Do something with a device. */
  | { readonly verb: 'call'; readonly device: string; readonly name: string; readonly args: readonly unknown[] };

/** Later lines of the parent: commands, numbered. */
export type ProcessCommand = ProcessRequest & { readonly id: number };

/** A line of the child: ready, done, or failed. Without a number: the answer to the options, or the last words. */
export interface ProcessAnswer {
  readonly id?: number;
  readonly root?: string;
  readonly devices?: readonly ProcessDevice[];
  readonly result?: unknown;
  readonly error?: PlainError;
}

/** A line of the child that nobody asked for now. */
export interface ProcessNews {
  readonly event: HostProcessEvent;
}

/** A device of the host. */
export interface ProcessDevice {
  readonly name: string;
  readonly instanceGuid: string;
}

/** A device of the host as it is now. */
export interface ListedDevice extends ProcessDevice {
  /** Key of `providersByName`. */
  readonly provider: string;
  readonly relid: number;
  /** Driver that holds it in the guest. */
  readonly driver: string | null;
  readonly isOpen: boolean;
}

/** What a provider tells of itself, as plain data. */
export interface ProviderNews {
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** Something that happened in a host process. */
export type HostProcessEvent = {
  /** When, ISO 8601. */
  readonly time: string;
} & (
  | HostEvent
  /** What a device has to tell, each kind in its own way; `provider` is its key in `providersByName`. */
  | (HostEventPlace & { readonly kind: 'provider'; readonly provider: string; readonly event: ProviderNews })
  /** A guest broke the rules (ERR_VMBUS_CORRUPT, ERR_VMBUS_PROTOCOL), or a device failed. */
  | {
      readonly kind: 'trouble';
      /** Null where no device is concerned. */
      readonly device: string | null;
      readonly name: string;
      readonly relid: number;
      readonly error: PlainError;
    }
  /** Events came faster than they were read: so many are not told. */
  | { readonly kind: 'missed'; readonly count: number }
);

/** Whether a parsed line is a command. */
export function isProcessCommand(value: unknown): value is ProcessCommand {
  return typeof value === 'object' && value !== null && 'id' in value && 'verb' in value;
}

// SPDX-License-Identifier: MIT
//
// What a process and the simulated host that it started say to each other: JSON lines on the child's stdin and stdout.
// Shared by host-process.ts (parent) and process-main.ts (child).

import type { NamedDevice } from './providers/by-name.js';

/** First line of the parent. */
export interface ProcessOptions {
  readonly devices: readonly (NamedDevice | string)[];
  readonly root?: string;
  readonly cpus?: number;
  readonly bound?: boolean;
  readonly requireMonitor?: boolean;
}

/** Later lines of the parent. */
export type ProcessCommand =
  | { readonly id: number; readonly verb: 'rescind' | 'vanish'; readonly device: string }
  | { readonly id: number; readonly verb: 'add'; readonly device: NamedDevice | string }
  | { readonly id: number; readonly verb: 'refresh' };

/** A command without its number. */
export type ProcessRequest =
  | { readonly verb: 'rescind' | 'vanish'; readonly device: string }
  | { readonly verb: 'add'; readonly device: NamedDevice | string }
  | { readonly verb: 'refresh' };

/** A line of the child: ready, done, or failed. */
export interface ProcessAnswer {
  /** Number of the command answered; absent for the answer to the options. */
  readonly id?: number;
  readonly root?: string;
  readonly devices?: readonly { readonly name: string; readonly instanceGuid: string }[];
  readonly error?: Readonly<Record<string, unknown>>;
}

/** Whether a parsed line is a command. */
export function isProcessCommand(value: unknown): value is ProcessCommand {
  return typeof value === 'object' && value !== null && 'id' in value && 'verb' in value;
}

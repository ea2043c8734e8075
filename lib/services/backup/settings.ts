// SPDX-License-Identifier: MIT
//
// Settings of a backup, checked and complete.
// Called by: serve-backup.ts, freeze-machine.ts.

import { resolveRoot } from '../../bus/root.js';
import { checkFlag, checkInteger, checkObject, checkOptionNames, checkText } from '../../check.js';
import { invalidType } from '../../errors.js';
import { checkLeaveOut } from './plan.js';
import type { BackupSettings } from './types.js';

const settingNames: readonly (keyof BackupSettings)[] = [
  ...(['root', 'hooks', 'commands', 'deadlineMs', 'hookTimeoutMs', 'leaveOut', 'ownForeign'] as const),
  ...(['freeze', 'thaw', 'onEvent'] as const),
];

/** A day; longer nobody wants to be frozen. */
const mostMs = 24 * 3600 * 1000;

/** Settings with what was left out. */
export type FullSettings = BackupSettings &
  Required<Pick<BackupSettings, 'root' | 'deadlineMs' | 'hookTimeoutMs' | 'leaveOut' | 'ownForeign'>>;

/** @throws TypeError, RangeError; VmbusError ERR_VMBUS_NOT_A_GUEST for a root that does not exist */
export function fullSettings(options: BackupSettings, further: readonly string[] = []): FullSettings {
  checkOptionNames(options, [...settingNames, ...further]);
  checkObject(options, 'options', 'an object');
  const { deadlineMs = 60_000, hookTimeoutMs = 20_000, ownForeign = false } = options;
  checkText(options.root, 'options.root');
  checkText(options.hooks, 'options.hooks');
  checkFlag(options.ownForeign, 'options.ownForeign');
  checkInteger(deadlineMs, 'options.deadlineMs', 1, mostMs);
  checkInteger(hookTimeoutMs, 'options.hookTimeoutMs', 1, mostMs);
  for (const name of ['freeze', 'thaw', 'onEvent'] as const) {
    const given: unknown = options[name];
    if (given !== undefined && typeof given !== 'function') throw invalidType(`options.${name}`, 'a function', given);
  }
  if (options.commands !== undefined) {
    checkOptionNames(options.commands, ['freeze', 'thaw'], 'options.commands');
    checkText(options.commands.freeze, 'options.commands.freeze');
    checkText(options.commands.thaw, 'options.commands.thaw');
  }
  const leaveOut = checkLeaveOut(options.leaveOut);
  return { ...options, root: resolveRoot(options.root), deadlineMs, hookTimeoutMs, leaveOut, ownForeign };
}

// SPDX-License-Identifier: MIT
import type { Command } from 'commander';
import type { Action } from '../verbs.js';
export function define(_command: Command, _action: Action): void {}

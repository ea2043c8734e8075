// SPDX-License-Identifier: MIT
//
// Checks what a script says when it starts a host that serves a folder.
// Called by: simulated-host.ts.

import { checkFlag, checkInteger, checkOptionNames, checkText } from '../../check.js';
import { invalidType } from '../../errors.js';
import { checkProvider } from '../providers/provider-options.js';
import type { SimulatedHostOptions } from '../types.js';

/** Linux has no more CPUs than this. */
const mostCpus = 8192;

/** @throws TypeError, RangeError */
export function checkHostOptions(options: SimulatedHostOptions): void {
  checkOptionNames(options, ['devices', 'root', 'cpus', 'bound', 'requireMonitor', 'onTrouble']);
  checkText(options.root, 'options.root');
  if (options.cpus !== undefined) checkInteger(options.cpus, 'options.cpus', 1, mostCpus);
  checkFlag(options.bound, 'options.bound');
  checkFlag(options.requireMonitor, 'options.requireMonitor');
  if (options.onTrouble !== undefined && typeof options.onTrouble !== 'function')
    throw invalidType('options.onTrouble', 'a function', options.onTrouble);
  if (!Array.isArray(options.devices)) throw invalidType('options.devices', 'an array of providers', options.devices);
  for (const [i, provider] of options.devices.entries()) checkProvider(provider, `options.devices[${i}]`);
}

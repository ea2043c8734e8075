// SPDX-License-Identifier: MIT
//
// Plans what installing or removing units and rules would do to a root, file by file. Reads only; apply.ts carries it out.
// Called by scripts and `hv service`.

import { readFileSync } from 'node:fs';
import { resolveRoot, rootKind, under } from '../../bus/root.js';
import { checkFlag, checkOptionNames, checkText } from '../../check.js';
import { invalidType, invalidValue, VmbusError } from '../../errors.js';
import { nearest } from '../../nearest.js';
import { type CatalogEntry, catalog, type InitSystem, type UnitFile } from './catalog.js';
import { lineDiff } from './diff.js';
import { initSystemOf } from './init-system.js';
import { type Found, lookAt, stamped, staysInside } from './installed-file.js';
import type { UnitListOptions, UnitPlan, UnitPlanOptions, UnitState, UnitStep } from './types.js';

/** What units name the command as. */
const anyHv = '/usr/bin/env hv';
const contrib = new URL('../../../contrib/', import.meta.url);

/** A step with the text that it writes; null where it writes none. */
export interface FullStep extends UnitStep {
  readonly text: string | null;
  readonly mode: number;
}

/** What is wanted of each file. */
interface Wish {
  readonly action: UnitPlan['action'];
  readonly force: boolean;
  readonly hv: string | undefined;
}

/** Steps with their texts, which no caller needs to see or can change. */
export const fullSteps: WeakMap<UnitPlan, readonly FullStep[]> = new WeakMap();

/**
 * Every unit and rule there is, and what a root has of them.
 * @throws TypeError for wrong options; VmbusError ERR_VMBUS_NOT_A_GUEST for a root that is not there
 * @example
 * for (const { name, state, title } of listUnits()) console.log(name, state, title);
 * @category Services
 */
export function listUnits(options: UnitListOptions = {}): readonly UnitState[] {
  checkOptionNames(options, ['root', 'init']);
  const { root, init } = settle(options);
  return catalog.map(({ files, ...info }) => {
    const chosen = filesFor(files, init);
    if (typeof chosen === 'string') return { ...info, state: 'unavailable', paths: [], reason: chosen };
    const found = chosen.map((file) => ({ file, there: lookAt(under(root, file.target)) }));
    return { ...info, state: stateOf(found), paths: chosen.map(({ target }) => `/${target}`), reason: null };
  });
}

/**
 * Plans an installation or a removal. A file that somebody else wrote, or changed, is left alone unless `force` says otherwise.
 * @throws TypeError for wrong options and unknown names; VmbusError ERR_VMBUS_UNSUPPORTED for a snapshot, and for what this
 * kind of system has no files for; ERR_VMBUS_NOT_A_GUEST for a root that is not there
 * @example
 * const plan = planUnits({ action: 'install', names: ['ptp-link'] });
 * for (const { kind, path } of plan.steps) console.log(kind, path);
 * if (plan.refused === 0) applyUnits(plan);
 * @category Services
 */
export function planUnits(options: UnitPlanOptions): UnitPlan {
  checkOptionNames(options, ['root', 'init', 'action', 'names', 'force', 'hv']);
  const { action, names, force = false, hv } = options;
  if (action !== 'install' && action !== 'uninstall')
    throw invalidValue('options.action', 'must be "install" or "uninstall"', action);
  checkFlag(options.force, 'options.force');
  checkHv(hv);
  const entries = entriesOf(names);
  const { root, init } = settle(options);
  if (rootKind(root) === 'snapshot')
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', 'a snapshot is only to be read: nothing is installed there', {
      path: root,
      hint: 'name the root of a system: --root DIR',
    });
  const steps = entries.flatMap((entry) =>
    mustHaveFiles(entry, init).map((file) => step(root, entry.name, file, { action, force, hv })),
  );
  const shown = steps.map(({ text: _text, mode: _mode, ...rest }) => rest);
  const refused = steps.filter(({ kind }) => kind === 'refuse').length;
  const plan: UnitPlan = { root, init, action, steps: shown, refused, next: nextCommands(entries, init, action) };
  fullSteps.set(plan, steps);
  return plan;
}

function settle({ root, init }: UnitListOptions): { readonly root: string; readonly init: InitSystem } {
  checkText(root, 'options.root');
  if (init !== undefined && init !== 'systemd' && init !== 'openrc')
    throw invalidValue('options.init', 'must be "systemd" or "openrc"', init);
  const settled = resolveRoot(root);
  return { root: settled, init: init ?? initSystemOf(settled) };
}

function checkHv(hv: unknown): void {
  checkText(hv, 'options.hv');
  if (typeof hv === 'string' && !/^\/[\w./+@-]+$/.test(hv))
    throw invalidValue('options.hv', 'must be an absolute path without spaces', hv);
}

function entriesOf(names: unknown): readonly CatalogEntry[] {
  if (!Array.isArray(names)) throw invalidType('options.names', 'an array of names', names);
  return names.map((name) => {
    const entry = catalog.find((one) => one.name === name);
    if (entry !== undefined) return entry;
    const known = catalog.map((one) => one.name);
    const near = nearest(String(name), known);
    throw invalidValue(
      'options.names',
      near === null ? `must name some of ${known.join(', ')}` : `has no such name; did you mean ${near}`,
      name,
    );
  });
}

function filesFor(files: CatalogEntry['files'], init: InitSystem): readonly UnitFile[] | string {
  if (init !== 'unknown') return files[init];
  // Rules are the same everywhere.
  return sameFiles(files) ? files.systemd : "it can't be told what starts services here: --init systemd, or openrc";
}

function sameFiles({ systemd, openrc }: CatalogEntry['files']): boolean {
  return JSON.stringify(systemd) === JSON.stringify(openrc);
}

function mustHaveFiles({ name, files }: CatalogEntry, init: InitSystem): readonly UnitFile[] {
  const chosen = filesFor(files, init);
  if (typeof chosen !== 'string') return chosen;
  throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `${name} can't be installed here: ${chosen}`, {
    hint: 'hv service ls',
    facts: { name, init },
  });
}

function step(root: string, name: string, { source, target, mode }: UnitFile, { action, force, hv }: Wish): FullStep {
  const there = lookAt(under(root, target));
  const before = there.kind === 'absent' ? null : there.text;
  const wanted = action === 'install' ? wantedText(source, hv) : null;
  const base = { name, path: `/${target}`, mode, diff: lineDiff(before, wanted), text: wanted, reason: null };
  if (!staysInside(root, target))
    return { ...base, kind: 'refuse', text: null, reason: `a link on the way to it leads out of ${root}` };
  if (there.kind === 'absent')
    return action === 'install' ? { ...base, kind: 'write' } : { ...base, kind: 'keep', reason: 'it is not there' };
  if (there.kind === 'other' && before !== wanted && !force)
    return { ...base, kind: 'refuse', text: null, reason: `there is ${there.what}` };
  if (action === 'uninstall') return { ...base, kind: 'remove' };
  if (before === wanted) return { ...base, kind: 'keep', text: null, reason: 'it is there already' };
  return { ...base, kind: there.kind === 'ours' ? 'update' : 'replace' };
}

function wantedText(source: string, hv: string | undefined): string {
  const text = readFileSync(new URL(source, contrib), 'utf8');
  return stamped(hv === undefined ? text : text.replaceAll(anyHv, hv));
}

function stateOf(files: readonly { readonly file: UnitFile; readonly there: Found }[]): UnitState['state'] {
  if (files.some(({ there }) => there.kind === 'other')) return 'changed';
  if (files.some(({ there }) => there.kind === 'absent')) return 'absent';
  return files.every(
    ({ file, there }) => there.kind === 'ours' && there.text === wantedText(file.source, hvOf(there.text)),
  )
    ? 'installed'
    : 'outdated';
}

/** The command that an installed unit names; undefined where it is the usual one. */
function hvOf(text: string): string | undefined {
  const [, found] = /^(?:ExecStart|command)="?(\/\S+)/m.exec(text) ?? [];
  return found === undefined || found === '/usr/bin/env' ? undefined : found;
}

function nextCommands(
  entries: readonly CatalogEntry[],
  init: InitSystem,
  action: UnitPlan['action'],
): readonly string[] {
  const services = entries.filter(({ kind }) => kind === 'service').map(({ name }) => `vmbus-${name}`);
  const rules = entries.some(({ kind }) => kind === 'rule') ? ['udevadm control --reload && udevadm trigger'] : [];
  if (services.length === 0) return rules;
  if (init === 'openrc') {
    const verb = action === 'install' ? 'add' : 'del';
    return [...services.map((name) => `rc-update ${verb} ${name} default`), ...rules];
  }
  const units = services.map((name) => `${name}.service`).join(' ');
  const reload = 'systemctl daemon-reload';
  return action === 'install'
    ? [`${reload} && systemctl enable --now ${units}`, ...rules]
    : [`systemctl disable --now ${units}; ${reload}`, ...rules];
}

// SPDX-License-Identifier: MIT
//
// Carries a plan out: writes whole files under another name and puts them in their places, and removes. Runs nothing.
// Called by scripts and `hv service`.

import { rmSync } from 'node:fs';
import { under } from '../../bus/root.js';
import { errorCode, errorNumber } from '../../bus/system-error.js';
import { checkObject } from '../../check.js';
import { invalidType, VmbusError } from '../../errors.js';
import { replaceFile } from '../replace-file.js';
import { lookAt } from './installed-file.js';
import { type FullStep, fullSteps } from './plan.js';
import type { UnitPlan, UnitStep } from './types.js';

/**
 * Does what a plan of {@link planUnits} says, but for what it refuses. Answers the steps that were done. A file that was changed
 * since the plan was made is left alone.
 * @throws VmbusError ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM where a file can't be written; TypeError for what is no plan
 * @example
 * applyUnits(planUnits({ action: 'uninstall', names: ['ptp-link'] }));
 * @category Services
 */
export function applyUnits(plan: UnitPlan): readonly UnitStep[] {
  checkObject(plan, 'plan', 'a plan of planUnits()');
  const steps = fullSteps.get(plan);
  if (steps === undefined) throw invalidType('plan', 'a plan of planUnits()', plan);
  return plan.steps.filter((_, i) => {
    const step = steps[i];
    return step !== undefined && carryOut(plan.root, step);
  });
}

function carryOut(root: string, step: FullStep): boolean {
  const file = under(root, step.path);
  if (step.kind === 'keep' || step.kind === 'refuse') return false;
  if (
    (step.kind === 'write' && lookAt(file).kind !== 'absent') ||
    (step.kind === 'update' && lookAt(file).kind !== 'ours')
  )
    return false;
  try {
    if (step.kind === 'remove') rmSync(file);
    else replaceFile(file, step.text ?? '', step.mode);
    return true;
  } catch (error) {
    throw writeError(error, file);
  }
}

function writeError(cause: unknown, file: string): VmbusError {
  const code = errorCode(cause);
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new VmbusError(denied ? 'ERR_VMBUS_PERMISSION' : 'ERR_VMBUS_SYSTEM', `cannot change ${file}: ${code}`, {
    path: file,
    errno: errorNumber(cause),
    errnoName: code,
    cause,
    ...(denied ? { hint: 'run it as root, or name another root: --root DIR' } : {}),
  });
}

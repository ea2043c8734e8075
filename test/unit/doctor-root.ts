// SPDX-License-Identifier: MIT
//
// Builds a root for the doctor: a bus, modules, a distribution and processes, as plain files and links.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { classOfName } from '../../dist/bus/index.js';
import type { CapturedFacts } from '../../dist/insight/evidence.js';

/** What the root shall look like. */
export interface RootPlan {
  /** Class name → driver, null for none. No bus where absent. */
  readonly devices?: readonly (readonly [className: string, driver: string | null])[];
  readonly hasOverride?: boolean;
  readonly osRelease?: string;
  readonly release?: string;
  /** Lines of /proc/modules. */
  readonly loaded?: readonly string[];
  /** Modules that could be loaded. */
  readonly available?: readonly string[];
  /** Files by path under the root; a mode of 0755 for those that end in `*`. */
  readonly files?: Readonly<Record<string, string>>;
  /** pid → nodes that it has open. */
  readonly processes?: Readonly<Record<string, readonly string[]>>;
  readonly facts?: Partial<CapturedFacts>;
}

const roots: string[] = [];
after(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

/** Makes the root; it goes when the file's tests end. */
export function makeRoot(plan: RootPlan): string {
  const root = mkdtempSync(path.join(tmpdir(), 'vmbus-doctor-'));
  roots.push(root);
  const put = (file: string, text: string): void => {
    const target = path.join(root, file.replace(/\*$/, ''));
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
    if (file.endsWith('*')) chmodSync(target, 0o755);
  };
  const release = plan.release ?? '6.12.117';
  put('proc/sys/kernel/osrelease', `${release}\n`);
  if (plan.osRelease !== undefined) put('etc/os-release', plan.osRelease);
  put('proc/modules', (plan.loaded ?? []).map((name) => `${name} 1 0 - Live 0x0\n`).join(''));
  if (plan.available) {
    put(
      `lib/modules/${release}/modules.dep`,
      plan.available.map((name) => `kernel/drivers/hv/${name}.ko.xz:\n`).join(''),
    );
    put(`lib/modules/${release}/modules.builtin`, '');
  }
  for (const [file, text] of Object.entries(plan.files ?? {})) put(file, text);
  for (const [pid, nodes] of Object.entries(plan.processes ?? {})) {
    put(`proc/${pid}/cmdline`, `daemon${pid}\0-n\0`);
    mkdirSync(path.join(root, `proc/${pid}/fd`));
    for (const [fd, node] of nodes.entries()) symlinkSync(node, path.join(root, `proc/${pid}/fd/${fd}`));
  }
  if (plan.facts) put('info.json', JSON.stringify({ schema: 1, cpuid: null, architecture: 'x64', ...plan.facts }));
  if (plan.devices) mkdirSync(path.join(root, 'sys/bus/vmbus/devices'), { recursive: true });
  for (const [i, [className, driver]] of (plan.devices ?? []).entries())
    putDevice(root, put, i + 1, className, driver, plan.hasOverride ?? true);
  return root;
}

/** Instance GUID of the n-th device, from 1. */
export function deviceId(n: number): string {
  return `0000000${n}-1111-2222-3333-444444444444`;
}

function putDevice(
  root: string,
  put: (file: string, text: string) => void,
  n: number,
  className: string,
  driver: string | null,
  hasOverride: boolean,
): void {
  const folder = `sys/devices/LNXSYSTM:00/VMBUS:00/${deviceId(n)}`;
  const guid = classOfName(className)?.guid ?? 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  put(`${folder}/class_id`, `{${guid}}\n`);
  put(`${folder}/device_id`, `{${deviceId(n)}}\n`);
  put(`${folder}/id`, `${n}\n`);
  if (hasOverride) put(`${folder}/driver_override`, '(null)\n');
  if (driver !== null) {
    mkdirSync(path.join(root, 'sys/bus/vmbus/drivers', driver), { recursive: true });
    symlinkSync(`../../../../bus/vmbus/drivers/${driver}`, path.join(root, folder, 'driver'));
  }
  symlinkSync(
    `../../../devices/LNXSYSTM:00/VMBUS:00/${deviceId(n)}`,
    path.join(root, 'sys/bus/vmbus/devices', deviceId(n)),
  );
}

// SPDX-License-Identifier: MIT
//
// Check: memory that the host adds is taken into use. Where it is not, the host gives more and more of it, and the guest has none.
// Called by ../doctor.ts. Source: Documentation/admin-guide/mm/memory-hotplug.rst.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Check, DoctorContext } from '../context.js';

const folder = 'sys/devices/system/memory';

export const memoryOnlineCheck: Check = {
  id: 'memory-online',
  title: 'Memory that the host adds is taken into use',
  topics: ['memory', 'balloon'],
  run: (context) => {
    const policy = context.read(`${folder}/auto_online_blocks`)?.trim();
    if (policy === undefined)
      return { verdict: 'skip', cause: 'this root does not tell, or its kernel takes no more memory' };
    const offline = offlineBlocks(context);
    const evidence = [
      { source: `${folder}/auto_online_blocks`, says: policy },
      { source: folder, says: `${offline.length} blocks offline` },
    ];
    if (offline.length > 0) {
      const blockBytes = Number.parseInt(context.read(`${folder}/block_size_bytes`) ?? '', 16);
      const size = Number.isSafeInteger(blockBytes) ? ` (${(offline.length * blockBytes) / 2 ** 20} MiB)` : '';
      return {
        verdict: 'fail',
        cause: `${offline.length} blocks of memory${size} are there and not used`,
        fix: `for block in /${folder}/memory*/state; do grep -q offline $block && echo online > $block; done; hv service install memory-online --yes`,
        evidence,
      };
    }
    if (policy !== 'offline' || context.devicesOf('balloon').length === 0)
      return {
        verdict: 'pass',
        cause: policy === 'offline' ? 'this host adds no memory' : `the kernel does so by itself (${policy})`,
        evidence,
      };
    if (hasRule(context)) return { verdict: 'pass', cause: 'a udev rule does so', evidence };
    return {
      verdict: 'warn',
      cause: 'memory that the host adds would stay unused: neither the kernel nor a udev rule takes it',
      fix: 'hv service install memory-online --yes && udevadm control --reload',
      evidence,
    };
  },
};

function offlineBlocks(context: DoctorContext): readonly string[] {
  return list(context, folder).filter(
    (name) => /^memory\d+$/.test(name) && context.read(`${folder}/${name}/state`)?.trim() === 'offline',
  );
}

/** Rules of the distribution, and ours. */
function hasRule(context: DoctorContext): boolean {
  return ['etc/udev/rules.d', 'run/udev/rules.d', 'usr/lib/udev/rules.d', 'lib/udev/rules.d'].some((rules) =>
    list(context, rules).some(
      (name) =>
        name.endsWith('.rules') &&
        /^[^#\n]*SUBSYSTEM=="memory".*ATTR\{state\}="online"/m.test(context.read(`${rules}/${name}`) ?? ''),
    ),
  );
}

function list(context: DoctorContext, relative: string): readonly string[] {
  try {
    return readdirSync(path.join(context.root, relative));
  } catch {
    return [];
  }
}

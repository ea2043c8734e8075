// SPDX-License-Identifier: MIT
//
// Check: the kernel is none of those that crash when devices are used from user space.
// Called by ../doctor.ts. The table is lib/bus/kernel/known-kernels.ts.

import { kernelHazards } from '../../../bus/index.js';
import type { Check } from '../context.js';

export const kernelHazardsCheck: Check = {
  id: 'kernel-hazards',
  title: 'The kernel is safe for use from user space',
  topics: ['kernel', 'uio'],
  run: (context) => {
    const { release, upstream } = context.kernel;
    if (release === '') return { verdict: 'skip', cause: 'this root does not tell its kernel' };
    const evidence = [
      { source: 'proc/sys/kernel/osrelease', says: `${release}${upstream ? `, upstream ${upstream.join('.')}` : ''}` },
    ];
    if (upstream === null)
      return {
        verdict: 'info',
        cause: `${release} does not tell its upstream version, so known faults cannot be looked up`,
        evidence,
      };
    // Of giving back the binding itself speaks, where it matters: every kernel has those, and no newer one helps.
    const hazards = kernelHazards(context.root).filter(({ when }) => when === 'open' || when === 'subchannel');
    if (hazards.length === 0) return { verdict: 'pass', cause: 'no fault of this kernel is known', evidence };
    return hazards.map(({ id, severity, explanation }) => ({
      verdict: severity === 'refuse' ? ('fail' as const) : ('warn' as const),
      subject: id,
      cause: explanation,
      evidence,
      fix:
        severity === 'refuse'
          ? '# install a newer kernel; until then `hv` refuses what would crash, unless --force'
          : '# install a newer kernel',
    }));
  },
};

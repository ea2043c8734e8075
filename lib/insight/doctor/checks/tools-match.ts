// SPDX-License-Identifier: MIT
//
// Check: Ubuntu's daemons belong to exactly the kernel that runs; its wrapper refuses to start any other.
// Called by ../doctor.ts. Source: linux-cloud-tools-common, /usr/sbin/hv_kvp_daemon.

import type { Check } from '../context.js';
import { installDaemons } from '../distribution.js';

export const toolsMatchCheck: Check = {
  id: 'tools-match-kernel',
  title: 'The daemons belong to the running kernel',
  topics: ['services', 'daemons', 'kvp', 'kernel'],
  run: (context) => {
    if (context.rootKind !== 'guest') return { verdict: 'skip', cause: 'this root shows no programs' };
    if (context.distribution.family !== 'ubuntu')
      return { verdict: 'skip', cause: 'only Ubuntu ties its daemons to one kernel' };
    if (!context.exists('usr/sbin/hv_kvp_daemon')) return { verdict: 'skip', cause: 'no KVP daemon is installed' };
    const file = `usr/lib/linux-tools/${context.kernel.release}/hv_kvp_daemon`;
    if (context.exists(file)) return { verdict: 'pass', cause: `the tools of ${context.kernel.release} are installed` };
    return {
      verdict: 'fail',
      cause: `the tools of the running kernel ${context.kernel.release} are not installed, so the daemons do not start`,
      fix: installDaemons(context.distribution),
      evidence: [{ source: file, says: 'absent' }],
    };
  },
};

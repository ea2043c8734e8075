// SPDX-License-Identifier: MIT
//
// Check: which versions the kernel and the host agreed on. Hosts show Linux guests as "degraded" for a version that is not their
// newest; nothing is wrong then.
// Called by ../doctor.ts. Source: "IC version" in drivers/hv/hv_util.c, hv_kvp.c, hv_snapshot.c.

import { kernelLog } from '../../../bus/kernel/kernel-log.js';
import type { Check } from '../context.js';

/** What the kernel calls a service in its log. */
const names: Readonly<Record<string, string>> = {
  Heartbeat: 'heartbeat',
  Shutdown: 'shutdown',
  TimeSync: 'timesync',
  KVP: 'kvp',
  VSS: 'vss',
};

export const serviceVersionsCheck: Check = {
  id: 'service-versions',
  title: 'Versions agreed on with the host',
  topics: ['services', ...Object.values(names)],
  run: (context) => {
    if (!context.hasBus) return { verdict: 'skip', cause: 'this root has no VMBus' };
    const versions = new Map<string, string>();
    for (const record of kernelLog(context.root)) {
      // The last one counts: a host may begin anew.
      for (const [, name = '', version = ''] of record.matchAll(/hv_utils: (\w+) IC version (\d+\.\d+)/g))
        versions.set(names[name] ?? name.toLowerCase(), version);
    }
    if (versions.size === 0)
      return { verdict: 'skip', cause: 'the kernel log does not tell: it has forgotten, or only root may read it' };
    return [...versions].map(([subject, version]) => ({
      verdict: 'info' as const,
      subject,
      cause: `version ${version} was agreed on; a host that calls the guest "degraded" for its protocol version only means that it knows newer ones`,
      evidence: [{ source: 'dev/kmsg', says: `${subject} IC version ${version}` }],
    }));
  },
};

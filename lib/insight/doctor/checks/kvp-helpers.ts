// SPDX-License-Identifier: MIT
//
// Check: the little programs that the KVP daemon runs to learn about the network are where it looks for them.
// Called by ../doctor.ts. Source: tools/hv/hv_kvp_daemon.c: the folder is compiled in, as "<folder>/%s".

import type { Check, DoctorContext } from '../context.js';
import { installDaemons } from '../distribution.js';
import type { CheckOutcome } from '../types.js';

const daemons = [
  'usr/sbin/hv_kvp_daemon',
  'usr/sbin/hypervkvpd',
  'usr/bin/hv_kvp_daemon',
  'usr/lib/hyper-v/bin/hv_kvp_daemon',
];
/** Name, and what is lost without it. */
const helpers: readonly (readonly [string, string])[] = [
  ['hv_get_dns_info', 'the host learns no DNS servers'],
  ['hv_get_dhcp_info', 'the host takes addresses for static ones'],
  ['hv_set_ifconfig', 'the host cannot set an address'],
];

export const kvpHelpersCheck: Check = {
  id: 'kvp-helpers',
  title: 'Helper programs of the KVP daemon are where it looks',
  topics: ['services', 'daemons', 'kvp'],
  run: (context) => {
    if (context.rootKind !== 'guest') return { verdict: 'skip', cause: 'this root shows no programs' };
    const daemon = daemons.find((file) => context.isExecutable(file));
    if (daemon === undefined) return { verdict: 'skip', cause: 'no KVP daemon is installed' };
    const folder = helperFolder(context, daemon);
    if (folder === null)
      return { verdict: 'skip', cause: `/${daemon} does not tell where it looks for its helpers; it may be a wrapper` };
    return helpers.map(([name, loss]) => checkHelper(context, folder, name, loss));
  },
};

function checkHelper(context: DoctorContext, folder: string, name: string, loss: string): CheckOutcome {
  const file = `${folder}/${name}`;
  if (context.isExecutable(file.slice(1))) return { verdict: 'pass', subject: name, cause: `${file} is there` };
  const isThere = context.exists(file.slice(1));
  return {
    verdict: name === 'hv_set_ifconfig' ? 'info' : 'warn',
    subject: name,
    cause: `${file} ${isThere ? 'is not executable' : 'is missing'}: ${loss}`,
    fix: isThere ? `chmod +x ${file}` : installDaemons(context.distribution),
    evidence: [{ source: file, says: isThere ? 'not executable' : 'absent' }],
  };
}

function helperFolder(context: DoctorContext, daemon: string): string | null {
  const binary = context.read(daemon);
  return /(\/[A-Za-z0-9_./-]{1,200})\/%s(?:\0| %s)/.exec(binary ?? '')?.[1] ?? null;
}

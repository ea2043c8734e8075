// SPDX-License-Identifier: MIT
//
// Check: the name of this machine can be looked up without asking the network. The KVP daemon looks it up when it starts, and the
// host waits for it meanwhile.
// Called by ../doctor.ts. Source: tools/hv/hv_kvp_daemon.c kvp_get_domain_name(); nsswitch.conf(5), hosts(5).

import type { Check } from '../context.js';

export const hostNameCheck: Check = {
  id: 'host-name',
  title: "This machine's name is known without the network",
  topics: ['services', 'daemons', 'kvp', 'boot'],
  run: (context) => {
    if (context.rootKind !== 'guest')
      return { verdict: 'skip', cause: 'this root does not tell the name of a machine' };
    const name = (context.read('proc/sys/kernel/hostname') ?? context.read('etc/hostname'))?.trim();
    if (!name) return { verdict: 'skip', cause: 'this machine has no name' };
    if (context.devicesOf('kvp').length === 0)
      return { verdict: 'skip', cause: 'nobody asks for it: this host does not offer the kvp service' };
    const hosts = context.read('etc/hosts') ?? '';
    const isListed = hosts
      .split('\n')
      .some((line) => line.replace(/#.*/, '').trim().split(/\s+/).slice(1).includes(name));
    if (isListed)
      return {
        verdict: 'pass',
        cause: `${name} stands in /etc/hosts`,
        evidence: [{ source: 'etc/hosts', says: name }],
      };
    const nsswitch = context.read('etc/nsswitch.conf') ?? '';
    if (/^hosts:.*\bmyhostname\b/m.test(nsswitch))
      return {
        verdict: 'pass',
        cause: `systemd answers for ${name} (myhostname)`,
        evidence: [{ source: 'etc/nsswitch.conf', says: 'hosts: … myhostname' }],
      };
    return {
      verdict: 'warn',
      cause: `${JSON.stringify(name.slice(0, 64))} does not stand in /etc/hosts: without a network the KVP daemon hangs at its start until the name servers do not answer`,
      // The name goes through the shell's own variable, not through this text.
      fix: 'echo "127.0.1.1 $(hostname)" >> /etc/hosts',
      evidence: [{ source: 'etc/hosts', says: 'no line with the name' }],
    };
  },
};

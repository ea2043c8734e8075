// SPDX-License-Identifier: MIT
//
// Check: no network device is still lent to user space: it has no interface, no address and no name meanwhile, and the next
// job finds eth1 gone.
// Called by ../doctor.ts.

import type { Check } from '../context.js';

export const networkOnUioCheck: Check = {
  id: 'network-on-uio',
  title: 'Network devices have their interfaces',
  topics: ['net', 'uio', 'bind'],
  run: (context) => {
    if (!context.hasBus) return { verdict: 'skip', cause: 'this root has no VMBus' };
    const devices = context.devicesOf('net');
    if (devices.length === 0)
      return { verdict: 'info', availability: 'not-offered', cause: 'this host offers no network device' };
    const lent = devices.filter(({ driver }) => driver === 'uio_hv_generic');
    if (lent.length === 0)
      return {
        verdict: 'pass',
        cause: `${devices.length === 1 ? 'the network device is' : `all ${devices.length} network devices are`} left to the system`,
      };
    return lent.map((device) => ({
      verdict: lent.length === devices.length ? ('fail' as const) : ('warn' as const),
      subject: device.id,
      availability: 'bound-elsewhere' as const,
      cause: `bound to uio_hv_generic: its interface, address and name are gone${lent.length === devices.length ? ', and there is no other' : ''}`,
      fix: `hv restore ${device.id}`,
      evidence: [{ source: `sys/bus/vmbus/devices/${device.id}/driver`, says: 'uio_hv_generic' }],
    }));
  },
};

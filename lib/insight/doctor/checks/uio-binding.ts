// SPDX-License-Identifier: MIT
//
// Check: devices can be lent to user space, and how: by `driver_override` for one device, or by `new_id` for a whole class,
// which refuses to be told the same twice.
// Called by ../doctor.ts. Source: Documentation/ABI/stable/sysfs-bus-vmbus, drivers/uio/uio_hv_generic.c.

import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Check } from '../context.js';
import { installModule, loadModule } from '../distribution.js';

const module = 'uio_hv_generic';

export const uioBindingCheck: Check = {
  id: 'uio-binding',
  title: 'Devices can be lent to user space',
  topics: ['uio', 'bind', 'modules', 'kernel'],
  run: (context) => {
    if (!context.hasBus) return { verdict: 'skip', cause: 'this root has no VMBus' };
    const state = context.modules.state(module);
    const evidence = [{ source: 'module', says: `${module} is ${state}` }];
    if (state === 'missing')
      return {
        verdict: 'warn',
        cause: `this kernel has no module ${module}`,
        fix: installModule(context.distribution, module),
        evidence,
      };
    if (state !== 'loaded' && state !== 'builtin') {
      return {
        verdict: 'info',
        cause: `${module} is not loaded; \`hv bind\` needs it`,
        fix: loadModule(module),
        evidence,
      };
    }
    const [device] = context.devices;
    const hasOverride = device !== undefined && existsSync(path.join(device.path, 'driver_override'));
    if (device === undefined || hasOverride)
      return { verdict: 'pass', cause: `${module} is there, and one device can be lent without its class`, evidence };
    return {
      verdict: 'warn',
      cause:
        'this kernel has no driver_override: lending a device names its whole class, and naming it twice is answered with EEXIST, which means done',
      evidence: [...evidence, { source: `sys/bus/vmbus/devices/${device.id}/driver_override`, says: 'absent' }],
    };
  },
};

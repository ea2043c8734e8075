// SPDX-License-Identifier: MIT
//
// Check: what became of each integration service that a host can offer.
// Called by ../doctor.ts. Source: drivers/hv/hv_util.c and the classes allowed in isolated guests, drivers/hv/channel_mgmt.c.

import { classOfName } from '../../../bus/index.js';
import type { Check, DoctorContext } from '../context.js';
import type { CheckOutcome } from '../types.js';
import { judgeDevice } from './device-verdict.js';

/** Services, and what the host calls them in Enable-VMIntegrationService. */
const services: readonly (readonly [name: string, hostName: string])[] = [
  ['heartbeat', 'Heartbeat'],
  ['shutdown', 'Shutdown'],
  ['timesync', 'Time Synchronization'],
  ['kvp', 'Key-Value Pair Exchange'],
  ['vss', 'VSS'],
  ['fcopy', 'Guest Service Interface'],
];

export const servicesCheck: Check = {
  id: 'integration-services',
  title: 'Integration services have their drivers',
  topics: ['services', 'modules', ...services.map(([name]) => name)],
  run: (context) => {
    if (!context.hasBus) return { verdict: 'skip', cause: 'this root has no VMBus' };
    return services.flatMap(([name, hostName]) => checkService(context, name, hostName));
  },
};

function checkService(context: DoctorContext, name: string, hostName: string): CheckOutcome[] {
  const offered = context.devicesOf(name);
  if (offered.length > 0) return offered.map((device) => judgeDevice(context, device, name));
  if (context.detection.isConfidential && classOfName(name)?.inConfidentialVm === false) {
    return [
      {
        verdict: 'info',
        subject: name,
        availability: 'absent-by-design',
        cause: `a confidential guest never gets the ${name} service; nothing is broken`,
      },
    ];
  }
  const canBeEnabled = context.detection.hypervisor.value === 'hyper-v';
  return [
    {
      verdict: 'info',
      subject: name,
      availability: 'not-offered',
      cause: `this host does not offer the ${name} service`,
      ...(canBeEnabled ? { fix: `Enable-VMIntegrationService -VMName NAME -Name "${hostName}"` } : {}),
      evidence: [{ source: 'sys/bus/vmbus/devices', says: `no device of class ${name}` }],
    },
  ];
}

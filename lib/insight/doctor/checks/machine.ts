// SPDX-License-Identifier: MIT
//
// Check: this machine is what it seems. Others present Hyper-V's interface, and Hyper-V can come without its bus.
// Called by ../doctor.ts. Calls nothing: detect() has done the work.

import type { Check, DoctorContext } from '../context.js';
import { loadModule } from '../distribution.js';
import type { CheckOutcome } from '../types.js';

export const machineCheck: Check = {
  id: 'machine',
  title: 'This machine is what it seems',
  topics: ['machine', 'info'],
  run: (context) => {
    const { hypervisor, hyperVInterface, vmbus, summary, isRootPartition } = context.detection;
    const evidence = [...hypervisor.evidence, ...vmbus.evidence];
    if (hypervisor.value === 'simulated') return { verdict: 'info', cause: summary, evidence };
    if (hyperVInterface.value === true && !vmbus.value.isPresent) return withoutBus(context, evidence);
    if (vmbus.value.isPresent && vmbus.value.devices === 0) {
      return { verdict: 'warn', cause: 'there is a VMBus, but no host has offered a device on it', evidence };
    }
    if (!vmbus.value.isPresent)
      return { verdict: 'info', cause: `${summary}: not a guest for Hyper-V's services`, evidence };
    if (isRootPartition) return { verdict: 'info', cause: 'this is the root partition, not a guest', evidence };
    if (hypervisor.value === 'hyper-v') return { verdict: 'pass', cause: summary, evidence };
    return {
      verdict: 'info',
      cause: `${summary}; what Microsoft's hosts do beyond that interface is not to be expected`,
      evidence,
    };
  },
};

function withoutBus(context: DoctorContext, evidence: CheckOutcome['evidence'] = []): CheckOutcome {
  const state = context.modules.state('hv_vmbus');
  const isMicrosoft = context.detection.hypervisor.value === 'hyper-v';
  if (state === 'available' || state === 'unknown') {
    return {
      verdict: isMicrosoft ? 'fail' : 'info',
      cause: "the interface of Hyper-V is there, but the kernel's VMBus is not loaded",
      fix: loadModule('hv_vmbus'),
      evidence,
    };
  }
  if (state === 'missing')
    return {
      verdict: isMicrosoft ? 'fail' : 'info',
      cause: 'the interface of Hyper-V is there, but this kernel was built without VMBus',
      evidence,
    };
  const cause =
    'the interface of Hyper-V is there and the kernel knows VMBus, but there is no bus: the kernel has not taken the machine for Hyper-V, or its ACPI tables name none';
  return { verdict: isMicrosoft ? 'fail' : 'info', cause, evidence };
}

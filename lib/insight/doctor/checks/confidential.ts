// SPDX-License-Identifier: MIT
//
// Check: what a confidential guest never gets, said once, so that nobody looks for the fault.
// Called by ../doctor.ts. Source: vmbus_devs[].allowed_in_isolated of drivers/hv/channel_mgmt.c.

import { deviceClasses } from '../../../bus/index.js';
import type { Check } from '../context.js';

const expected = ['kvp', 'vss', 'fcopy', 'balloon', 'keyboard', 'mouse', 'video', 'ide', 'fc'];

export const confidentialCheck: Check = {
  id: 'confidential',
  title: 'What a confidential guest goes without',
  topics: ['confidential', 'machine'],
  run: ({ detection }) => {
    const { isolation, isConfidential } = detection;
    if (isolation.value === null)
      return {
        verdict: 'skip',
        cause: 'it cannot be told whether this guest is confidential',
        evidence: isolation.evidence,
      };
    if (!isConfidential)
      return { verdict: 'pass', cause: 'not a confidential guest: nothing is withheld', evidence: isolation.evidence };
    const missing = deviceClasses
      .filter(({ name, inConfidentialVm }) => expected.includes(name) && !inConfidentialVm)
      .map(({ name }) => name);
    return {
      verdict: 'info',
      availability: 'absent-by-design',
      evidence: isolation.evidence,
      cause: `this guest is confidential (${isolation.value}): by design it is not offered ${missing.join(', ')}, and UIO mappings do not work`,
    };
  },
};

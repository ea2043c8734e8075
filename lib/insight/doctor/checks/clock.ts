// SPDX-License-Identifier: MIT
//
// Check: the clock is kept, from the host where that can be had, and comes right again after the machine was saved and resumed.
// Called by ../doctor.ts. The words are those of `hv time`: ../../time/advice.ts.

import { readTimeReport } from '../../time/report.js';
import type { Check } from '../context.js';
import type { CheckOutcome } from '../types.js';

/** An offset that people notice. */
const mostSeconds = 1;

export const clockCheck: Check = {
  id: 'clock',
  title: 'The clock is right, and stays so after a resume',
  topics: ['time', 'timesync', 'clock'],
  run: (context) => {
    const { advice, offset, ptp, keepers } = readTimeReport(context.root);
    const host = ptp.find(({ isHost }) => isHost);
    const evidence = [
      { source: 'sys/class/ptp', says: host === undefined ? 'no clock called hyperv' : `${host.name} is the host's` },
      { source: 'processes', says: keepers.map(({ name }) => name).join(', ') || 'no program that keeps the clock' },
    ];
    const outcomes: CheckOutcome[] = advice.map(({ id, severity, says, fix }) => ({
      verdict: severity,
      subject: id,
      cause: says,
      evidence,
      ...(fix === null ? {} : { fix }),
    }));
    if (offset.seconds !== null && Math.abs(offset.seconds) > mostSeconds)
      outcomes.push({
        verdict: 'warn',
        subject: 'offset',
        cause: `this clock is ${Math.abs(offset.seconds).toFixed(1)} s ${offset.seconds < 0 ? 'behind' : 'ahead of'} the host's`,
        fix: 'chronyc makestep',
        evidence: [{ source: offset.source ?? '', says: `${offset.seconds} s` }],
      });
    if (outcomes.length > 0) return outcomes;
    if (host === undefined && keepers.length === 0)
      return { verdict: 'skip', cause: 'this root shows neither a clock of the host nor a program that keeps time' };
    return { verdict: 'pass', cause: 'nothing is missing', evidence };
  },
};

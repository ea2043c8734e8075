// SPDX-License-Identifier: MIT
//
// "Is my clock right, by whom, and what would keep it right?" Reads only: nothing here ever sets a clock.
// Called by scripts and `hv time`.

import path from 'node:path';
import { readSmallFileOrNull } from '../../bus/read/attributes.js';
import { readDevices } from '../../bus/read/device-list.js';
import { checkLimits, checkOptionNames, checkText } from '../../check.js';
import { readDistribution } from '../doctor/distribution.js';
import { settleRoot } from '../info.js';
import { adviseOnTime } from './advice.js';
import { readChrony } from './chrony.js';
import { readHostOffset } from './host-offset.js';
import { readKeepers } from './keepers.js';
import { readHostClockLink, readPtpClocks } from './ptp-clocks.js';
import type { TimeReport, TimeReportOptions } from './types.js';

/**
 * How far the guest's clock is from the host's, which programs keep it, and what is missing for them to do it well.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for wrong options; the reason of an aborted signal
 * @example
 * const { offset, advice } = await timeReport();
 * console.log(offset.seconds ?? offset.reason);
 * for (const { says, fix } of advice) console.log(says, fix);
 * @category Insight
 */
export async function timeReport(options: TimeReportOptions = {}): Promise<TimeReport> {
  checkOptionNames(options, ['root', 'signal']);
  checkText(options.root, 'options.root');
  checkLimits({ signal: options.signal });
  options.signal?.throwIfAborted();
  return readTimeReport(settleRoot(options.root));
}

/** The report on a settled root. Never throws. */
export function readTimeReport(root: string): TimeReport {
  const ptp = readPtpClocks(root);
  const device = readBus(root).find((one) => one.class.name === 'timesync');
  const clocksource = readSmallFileOrNull(
    path.join(root, 'sys/devices/system/clocksource/clocksource0/current_clocksource'),
  );
  const facts = {
    root,
    nowMs: root === '/' ? Date.now() : null,
    offset: readHostOffset(root, ptp),
    service: { isOffered: device !== undefined, driver: device?.driver ?? null },
    ptp,
    link: readHostClockLink(root),
    clocksource: clocksource?.trim() ?? null,
    keepers: readKeepers(root),
    chrony: readChrony(root, ptp),
  };
  return { ...facts, advice: adviseOnTime(facts, readDistribution(root)) };
}

function readBus(root: string): ReturnType<typeof readDevices> {
  try {
    return readDevices(root);
  } catch {
    return [];
  }
}

// SPDX-License-Identifier: MIT
//
// What is to be done so that a guest's clock is right, and right again after the machine was saved and resumed. Only advice:
// whoever keeps the clock sets it.
// Called by report.ts; the doctor has the same words. Source: chrony.conf(5); hv_ptp and TIMESYNC of drivers/hv/hv_util.c.

import type { Distribution } from '../doctor/distribution.js';
import { chronyUnit, installChrony } from './chrony-places.js';
import { hostClockLink } from './ptp-clocks.js';
import type { TimeAdvice, TimeReport } from './types.js';

/** The host's clock as chrony's: read every 8 seconds, four readings a second, of stratum 2 as a server's on the network. */
export const chronyRefclock: string = `refclock PHC ${hostClockLink} poll 3 dpoll -2 offset 0 stratum 2`;
/** Sets the clock at once when it is more than a second off, also long after the start. */
export const chronyMakestep = 'makestep 1.0 -1';

type Facts = Omit<TimeReport, 'advice'>;

/** Advice, the most important first. */
export function adviseOnTime(facts: Facts, distribution: Distribution): readonly TimeAdvice[] {
  return [...onClock(facts), ...onKeepers(facts, distribution)];
}

function onClock({ ptp, link, service }: Facts): TimeAdvice[] {
  const host = ptp.find(({ isHost }) => isHost);
  if (host === undefined) {
    // Where nobody offers time there is nothing to miss.
    if (!service.isOffered) return [];
    const says =
      service.driver === null || service.driver === 'hv_utils'
        ? 'the host offers its time, but the kernel shows no clock called hyperv: hv_utils is not loaded, or was built without PTP'
        : `the host's time goes to ${service.driver}: the kernel neither sets the clock from it nor shows it as a PTP clock`;
    return [{ id: 'no-host-clock', severity: 'warn', says, fix: 'hv doctor --only timesync' }];
  }
  if (link === host.name || link === `/dev/${host.name}`) return [];
  const problem = link === null ? 'is missing' : `leads to ${link} instead of ${host.name}`;
  const says = `${hostClockLink} ${problem}: a name with a number may be the network card's after the next boot`;
  return [{ id: 'no-link', severity: 'warn', says, fix: 'hv service install ptp-link --yes' }];
}

function onKeepers(facts: Facts, distribution: Distribution): TimeAdvice[] {
  const { keepers, chrony, ptp } = facts;
  const hasClock = ptp.some(({ isHost }) => isHost);
  const running = keepers.filter(({ isRunning }) => isRunning === true);
  if (running.length > 1) {
    const names = running.map(({ name, pid }) => `${name} (pid ${pid})`).join(' and ');
    const hasTimesyncd = running.some(({ name }) => name === 'systemd-timesyncd');
    const fix = hasTimesyncd ? 'systemctl disable --now systemd-timesyncd.service' : '# stop one of them, for good';
    return [{ id: 'two-keepers', severity: 'warn', says: `${names} both set the clock, against each other`, fix }];
  }
  const keeper = running[0] ?? (keepers.some(({ isRunning }) => isRunning === null) ? keepers[0] : undefined);
  if (keeper === undefined) {
    if (keepers.every(({ isRunning }) => isRunning === null) && keepers.length > 0) return [];
    const says =
      'no program keeps the clock: the kernel sets it from the host at boot and on resume, and between them it drifts';
    return hasClock ? [{ id: 'no-keeper', severity: 'info', says, fix: installChrony(distribution) }] : [];
  }
  if (keeper.name === 'chrony') return chrony === null ? [] : onChrony(facts, chrony, hasClock, distribution);
  if (!hasClock) return [];
  const says = `${keeper.name} asks servers on the network only; chrony could read the host's clock`;
  return [{ id: 'keeper-without-host', severity: 'info', says, fix: null }];
}

function onChrony(
  { chrony }: Facts,
  { steps }: NonNullable<Facts['chrony']>,
  hasClock: boolean,
  distribution: Distribution,
): TimeAdvice[] {
  const file = chrony?.files[0] ?? 'etc/chrony.conf';
  const add = (line: string): string => `echo '${line}' >> /${file} && ${chronyUnit(distribution).restart}`;
  const advice: TimeAdvice[] = [];
  if (hasClock && chrony?.readsHost === false)
    advice.push({
      id: 'chrony-without-host',
      severity: 'info',
      says: "chrony does not read the host's clock",
      fix: add(chronyRefclock),
    });
  if (steps === 'never')
    advice.push({
      id: 'chrony-never-steps',
      severity: 'warn',
      says: 'chrony never sets the clock at once: after a resume it stays wrong for hours (no makestep)',
      fix: add(chronyMakestep),
    });
  if (steps === 'at-start')
    advice.push({
      id: 'chrony-steps-at-start',
      severity: 'info',
      says: 'chrony sets the clock at once only right after its start; after a resume it turns it slowly (makestep with a limit)',
      fix: add(chronyMakestep),
    });
  return advice;
}

// SPDX-License-Identifier: MIT
//
// Check: the services that need a daemon have one, and it is the process that holds the node; what the init system believes
// is not asked, only compared: an init that says "started" while the daemon has died is the second check.
// Called by ../doctor.ts. Source: drivers/hv/hv_utils_transport.c (one opener), tools/hv of the kernel.

import type { Check, DoctorContext } from '../context.js';
import { type DaemonService, enableUnit, installDaemons, restartUnit, startedMark, unitOf } from '../distribution.js';
import type { CheckOutcome } from '../types.js';

const services: readonly DaemonService[] = ['kvp', 'vss', 'fcopy'];
const loses: Readonly<Record<DaemonService, string>> = {
  kvp: 'the host sees no IP address, no host name and no system version',
  vss: 'the host cannot take application-consistent backups',
  fcopy: 'Copy-VMFile does not work',
};

const severity = { kvp: 'fail', vss: 'warn', fcopy: 'info' } as const;

export const daemonsCheck: Check = {
  id: 'daemons',
  title: 'Services that need a daemon have one',
  topics: ['services', 'daemons', ...services],
  run: (context) => services.flatMap((service) => checkDaemon(context, service)),
};

export const daemonsAliveCheck: Check = {
  id: 'daemons-alive',
  title: 'Daemons that were started are still there',
  topics: ['services', 'daemons', ...services],
  run: (context) => services.flatMap((service) => checkAlive(context, service)),
};

/** The node that a service's daemon opens; null where no driver has made the service usable for one. */
function nodeOf(context: DoctorContext, service: DaemonService): string | null {
  const devices = context.devicesOf(service);
  if (devices.some(({ driver }) => driver === 'hv_utils')) return `/dev/vmbus/hv_${service}`;
  // File copy has been a UIO device since Linux 6.10, with a daemon of its own.
  const lent = service === 'fcopy' ? devices.find(({ driver }) => driver === 'uio_hv_generic') : undefined;
  return lent?.uio ? `/dev/${lent.uio.name}` : null;
}

function checkDaemon(context: DoctorContext, service: DaemonService): CheckOutcome[] {
  const node = nodeOf(context, service);
  if (node === null) return [];
  const holders = context.holders(node);
  if (holders === null) return [cannotTell(context, service)];
  if (!context.exists(node.slice(1))) {
    const cause = `the driver has the device, but ${node} is not there yet: it agrees with the host first`;
    return [{ verdict: 'warn', subject: service, cause, evidence: [{ source: node, says: 'absent' }] }];
  }
  const [holder] = holders;
  if (holder === undefined) return [nobodyServes(context, service, node)];
  const evidence = [{ source: node, says: `open in pid ${holder.pid}` }];
  return [{ verdict: 'pass', subject: service, cause: `served by ${holder.command} (pid ${holder.pid})`, evidence }];
}

function nobodyServes(context: DoctorContext, service: DaemonService, node: string): CheckOutcome {
  const unit = unitOf(context.root, context.distribution, service);
  const hasDaemon = unit.isInstalled || hasBinary(context, service);
  const enable = enableUnit(context.distribution, unit.name);
  const fix = hasDaemon ? enable : `${installDaemons(context.distribution)} && ${enable}`;
  return {
    verdict: severity[service],
    subject: service,
    cause: `nobody serves ${node}: ${loses[service]}`,
    fix: fix.startsWith('#') ? installDaemons(context.distribution) : fix,
    evidence: [
      { source: node, says: 'open in no process' },
      { source: 'unit', says: `${unit.name} ${unit.isInstalled ? 'is installed' : 'is not installed'}` },
    ],
  };
}

function checkAlive(context: DoctorContext, service: DaemonService): CheckOutcome[] {
  const unit = unitOf(context.root, context.distribution, service);
  const mark = startedMark(context.root, context.distribution, unit.name);
  const node = nodeOf(context, service);
  if (mark === null || node === null) return [];
  const holders = context.holders(node);
  if (holders === null) return [cannotTell(context, service)];
  const evidence = [{ source: mark, says: `${unit.name} was started` }];
  if (holders.length > 0)
    return [{ verdict: 'pass', subject: service, cause: `${unit.name} was started and holds its node`, evidence }];
  return [
    {
      verdict: 'fail',
      subject: service,
      cause: `the init system says that ${unit.name} runs, but no process holds ${node}: it has died`,
      fix: restartUnit(context.distribution, unit.name),
      evidence,
    },
  ];
}

function cannotTell(context: DoctorContext, service: DaemonService): CheckOutcome {
  const cause = context.hasProcesses ? 'only root sees what other processes have open' : 'this root shows no processes';
  return { verdict: 'skip', subject: service, cause };
}

function hasBinary(context: DoctorContext, service: DaemonService): boolean {
  const names = [`hv_${service}_daemon`, `hyperv${service}d`];
  return ['usr/sbin', 'usr/bin', 'sbin'].some((folder) =>
    names.some((name) => context.isExecutable(`${folder}/${name}`)),
  );
}

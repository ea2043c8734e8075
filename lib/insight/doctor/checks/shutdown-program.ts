// SPDX-License-Identifier: MIT
//
// Check: the programs that the kernel runs when the host asks for a shutdown or a restart are there. Without them the kernel cuts
// the power, or the host waits and then does.
// Called by ../doctor.ts. Source: drivers/hv/hv_util.c orderly_poweroff(), orderly_reboot(); kernel/reboot.c.

import type { Check, DoctorContext } from '../context.js';
import type { CheckOutcome } from '../types.js';

const defaults = { poweroff: '/sbin/poweroff', reboot: '/sbin/reboot' } as const;

export const shutdownProgramCheck: Check = {
  id: 'shutdown-program',
  title: 'The host can shut this guest down in order',
  topics: ['services', 'shutdown'],
  run: (context) => {
    if (context.rootKind !== 'guest') return { verdict: 'skip', cause: 'this root shows no programs' };
    const [device] = context.devicesOf('shutdown');
    if (device === undefined) return { verdict: 'skip', cause: 'this host does not offer the shutdown service' };
    if (device.driver !== 'hv_utils')
      return { verdict: 'skip', cause: `the service is ${device.driver ?? 'nobody'}'s, not the kernel's` };
    const poweroff = context.read('proc/sys/kernel/poweroff_cmd')?.trim().split(/\s+/)[0] || defaults.poweroff;
    return [
      checkProgram(context, 'power-off', poweroff, 'poweroff'),
      checkProgram(context, 'restart', defaults.reboot, 'reboot'),
    ];
  },
};

function checkProgram(
  context: DoctorContext,
  subject: string,
  program: string,
  name: keyof typeof defaults,
): CheckOutcome {
  const isThere = program.startsWith('/') && context.hasProgram(program);
  const evidence = [{ source: program, says: isThere ? 'there' : 'absent, or not executable' }];
  if (isThere) return { verdict: 'pass', subject, cause: `the kernel runs ${program}`, evidence };
  return {
    verdict: 'fail',
    subject,
    cause: `the kernel runs ${program}, which is not there: the host's wish ends in a cut of the power`,
    fix: fixFor(context, name),
    evidence,
  };
}

/** Only the path for switching off can be chosen. */
function fixFor(context: DoctorContext, name: keyof typeof defaults): string {
  switch (context.distribution.family) {
    case 'debian':
    case 'ubuntu':
      return context.distribution.init === 'systemd'
        ? 'apt-get install systemd-sysv'
        : `# install a program ${defaults[name]}`;
    case 'fedora':
      return 'dnf install systemd';
    case 'suse':
      return 'zypper install systemd-sysvinit || zypper install systemd';
    case 'alpine':
      return `apk add busybox && ln -s ../bin/busybox ${defaults[name]}`;
    case 'nixos':
      return name === 'poweroff'
        ? 'echo /run/current-system/sw/bin/poweroff > /proc/sys/kernel/poweroff_cmd'
        : 'ln -s /run/current-system/sw/bin/reboot /sbin/reboot';
    default:
      return name === 'poweroff'
        ? 'command -v poweroff > /proc/sys/kernel/poweroff_cmd'
        : `ln -s "$(command -v reboot)" ${defaults.reboot}`;
  }
}

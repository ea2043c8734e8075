// SPDX-License-Identifier: MIT
//
// Check: units of the daemons that are started at boot have what they wait for. One whose device the host does not offer holds
// the boot up for a minute and a half, or fails and leaves the system "degraded".
// Called by ../doctor.ts. Source: systemd.unit(5) BindsTo, DefaultDeviceTimeoutSec; drivers/hv/hv_fcopy.c until Linux 6.9.

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { Check, DoctorContext } from '../context.js';
import { type DaemonService, unitOf } from '../distribution.js';
import type { CheckOutcome } from '../types.js';

const services: readonly DaemonService[] = ['kvp', 'vss', 'fcopy'];
const unitFolders = ['etc/systemd/system', 'usr/lib/systemd/system', 'lib/systemd/system'];

export const daemonUnitsCheck: Check = {
  id: 'daemon-units',
  title: 'Units of the daemons wait for nothing that never comes',
  topics: ['services', 'daemons', 'boot', ...services],
  run: (context) => {
    if (context.distribution.init !== 'systemd') return { verdict: 'skip', cause: 'this system has no systemd' };
    if (!context.hasBus) return { verdict: 'skip', cause: 'this root has no VMBus' };
    return services.flatMap((service) => checkUnit(context, service));
  },
};

function checkUnit(context: DoctorContext, service: DaemonService): CheckOutcome[] {
  const { name, isInstalled } = unitOf(context.root, context.distribution, service);
  const target = isInstalled ? enabledBy(context.root, name) : null;
  if (target === null) return [];
  const evidence = [{ source: target, says: `${name}.service is started at boot` }];
  const disable = `systemctl disable --now ${name}.service && systemctl reset-failed`;
  const [device] = context.devicesOf(service);
  if (device === undefined) {
    const waits = waitsForDevice(context, name);
    return [
      {
        verdict: waits ? 'warn' : 'info',
        subject: service,
        availability: 'not-offered',
        cause: waits
          ? `${name}.service waits at each boot for a device that this host does not offer, which takes 90 seconds`
          : `${name}.service is started at boot, but this host does not offer the ${service} service`,
        fix: disable,
        evidence,
      },
    ];
  }
  if (service === 'fcopy' && device.driver === 'uio_hv_generic' && !hasUioDaemon(context))
    return [
      {
        verdict: 'warn',
        subject: service,
        cause: `${name}.service fails: this kernel offers file copy as a UIO device, and the daemon here knows only /dev/vmbus/hv_fcopy of kernels before 6.10`,
        fix: disable,
        evidence,
      },
    ];
  return [{ verdict: 'pass', subject: service, cause: `${name}.service has its device`, evidence }];
}

/** The link by which a target of the boot starts a unit. One in a folder of a device waits for nothing: the device starts it. */
function enabledBy(root: string, name: string): string | null {
  for (const folder of unitFolders) {
    for (const wants of list(path.join(root, folder))) {
      const link = `${folder}/${wants}/${name}.service`;
      if (wants.endsWith('.target.wants') && list(path.join(root, folder, wants)).includes(`${name}.service`))
        return link;
    }
  }
  return null;
}

/** A `ConditionPathExists` of the node would be quick: only a dependency on the device waits. */
function waitsForDevice(context: DoctorContext, name: string): boolean {
  const text = unitFolders.map((folder) => context.read(`${folder}/${name}.service`)).find((found) => found !== null);
  return /^(?:BindsTo|Requires|Wants)=.*\.device\b/m.test(text ?? '');
}

function hasUioDaemon(context: DoctorContext): boolean {
  const folders = ['usr/sbin', 'usr/bin', 'usr/lib/hyper-v/bin', 'usr/libexec'];
  const release = `usr/lib/linux-tools/${context.kernel.release}`;
  return [...folders, release].some((folder) => existsSync(path.join(context.root, folder, 'hv_fcopy_uio_daemon')));
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

// SPDX-License-Identifier: MIT
//
// Where file copy stands on this machine, without touching it: which way there is, and who has it.
// Called by: scripts, `hv fcopy explain`.

import { openBus } from '../../bus/open-bus.js';
import { resolveRoot } from '../../bus/root.js';
import { uioHolders } from '../../bus/use/device-use.js';
import { nodeHolders } from '../../bus/use/nodes.js';
import { checkOptionNames } from '../../check.js';
import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { fcopyClass } from '../../protocol/fcopy.js';
import { fcopyNode } from '../../protocol/fcopy-device.js';
import { findPlace } from './place.js';
import type { FileCopyTransport } from './types.js';

/** What {@link describeFileCopy} finds. */
export interface FileCopyDescription {
  /** How files would come; null: the host does not offer the service, or no driver of this kernel has taken it up. */
  readonly transport: FileCopyTransport | null;
  /** The device on the bus; null where the host offers none. */
  readonly device: Guid | null;
  /** Its driver; null for none. */
  readonly driver: string | null;
  /** The node that whoever serves it has open, as `/dev/uio0`; null where it comes with the binding. */
  readonly node: string | null;
  /** Who has it; a pid of 0 where that can't be told. */
  readonly holder: { readonly pid: number; readonly command: string } | null;
  /** What to do next, where something stands in the way. */
  readonly hint: string | null;
}

/**
 * Tells where file copy stands: needs no privilege, though without it other users' processes are not seen.
 * @throws VmbusError ERR_VMBUS_NOT_A_GUEST
 * @category Devices
 * @example
 * const { transport, holder } = describeFileCopy();
 * if (holder) console.log(`process ${holder.pid} (${holder.command}) receives files already`);
 */
export function describeFileCopy(options: { readonly root?: string } = {}): FileCopyDescription {
  checkOptionNames(options, ['root']);
  const root = resolveRoot(options.root);
  const bus = openBus({ root });
  const place = findPlace(bus);
  const device = bus.devices().find((one) => one.class.guid === fcopyClass) ?? null;
  const known = { device: device?.id ?? null, driver: device?.driver ?? null };
  if (place === null) {
    const hint = "on the host: Enable-VMIntegrationService -Name 'Guest Service Interface' (it is off by default)";
    return { transport: null, ...known, node: null, holder: null, hint };
  }
  const isChannel = place.kind === 'channel';
  const node = isChannel ? place.device.uio && `/dev/${place.device.uio.name}` : `/dev/vmbus/${fcopyNode}`;
  const [found] = isChannel ? seenUio(place.device) : nodeHolders(root, [`/dev/vmbus/${fcopyNode}`]);
  const holder = found ? { pid: found.pid, command: found.command } : null;
  const daemon = holder === null ? null : "if it is the distribution's daemon: systemctl stop hv-fcopy-daemon";
  return { transport: place.kind, ...known, node, holder, hint: daemon };
}

/** Those that we may see. */
function seenUio(device: Parameters<typeof uioHolders>[0]): ReturnType<typeof uioHolders> {
  try {
    return uioHolders(device);
  } catch (error) {
    if (VmbusError.is(error) && error.code === 'ERR_VMBUS_PERMISSION') return [];
    throw error;
  }
}

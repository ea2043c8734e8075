// SPDX-License-Identifier: MIT
//
// What carries the host's requests: the kernel's own driver with /dev/vmbus/hv_fcopy (before Linux 6.10), or the device's channel
// over uio_hv_generic. Each holds what it needs, and lets go of it at its end.
// Called by: ../fcopy.ts.

import { bindDevice } from '../../bus/binding/driver-binding.js';
import { readDevice } from '../../bus/read/device-reader.js';
import type { Device } from '../../bus/types.js';
import { uioHolders } from '../../bus/use/device-use.js';
import { openChannel } from '../../channel/open.js';
import type { CloseReason } from '../../channel/types.js';
import { VmbusError } from '../../errors.js';
import { decodeFcopy } from '../../protocol/fcopy.js';
import {
  checkFcopyRegistered,
  decodeFcopyDevice,
  encodeFcopyRegistration,
  encodeFcopyStatus,
  fcopyNode,
} from '../../protocol/fcopy-device.js';
import { IcType, icVersion } from '../../protocol/ic.js';
import { IcService, type IcServiceDialect } from '../ic-service.js';
import { ServiceDevice, type ServiceDialect, type ServiceState } from '../service-device.js';
import type { Receiver } from './receiver.js';
import type { FileCopyTransport } from './types.js';

/** A way that requests come. */
export interface Transport {
  readonly kind: FileCopyTransport;
  readonly state: ServiceState;
  /** Never rejects. */
  readonly closed: Promise<CloseReason>;
  /** Lets go of everything. @throws VmbusError where a device cannot be given back */
  close(): Promise<void>;
}

/** What a transport is opened with. */
export interface TransportOptions {
  readonly root: string;
  readonly receiver: Receiver;
  readonly onState: (state: ServiceState) => void;
  readonly signal: AbortSignal;
}

const deviceDialect: ServiceDialect = {
  name: 'fcopy',
  node: fcopyNode,
  daemon: 'hv-fcopy-daemon',
  registration: encodeFcopyRegistration(),
  checkRegistered: checkFcopyRegistered,
};

const channelDialect: IcServiceDialect = {
  name: 'fcopy',
  type: IcType.fcopy,
  frameworks: [icVersion(3, 0)],
  versions: [icVersion(1, 1)],
};

/** Holds the kernel's device. It comes back by itself when the host has switched the service off and on. */
export async function openByDevice(options: TransportOptions & { readonly wait: boolean }): Promise<Transport> {
  const { root, receiver, onState, signal, wait } = options;
  const device = await ServiceDevice.open({
    root,
    dialect: deviceDialect,
    wait,
    signal,
    handlers: {
      answer: async (message, asked) =>
        encodeFcopyStatus(await receiver.answer(() => decodeFcopyDevice(message), asked)),
      onState,
    },
  });
  return {
    kind: 'device',
    get state() {
      return device.state;
    },
    closed: device.closed,
    close: () => device.close(),
  };
}

/**
 * Opens the device's channel; binds the device to uio_hv_generic where it has no driver, and gives it back at the end.
 * @throws VmbusError ERR_VMBUS_BUSY where another process has it; what binding and opening throw
 */
export async function openByChannel(found: Device, options: TransportOptions): Promise<Transport> {
  const { receiver, onState, signal } = options;
  const binding = found.uio === null ? await bindDevice(found, { signal }) : null;
  try {
    const device = readDevice(found.root, found.id) ?? found;
    requireUnheld(device);
    const channel = await openChannel(device, { signal });
    const service = IcService.open(
      channel,
      channelDialect,
      {
        answer: async ({ body }, asked) => ({ status: await receiver.answer(() => decodeFcopy(body), asked) }),
        onState,
      },
      { signal },
    );
    const close = async (): Promise<void> => {
      await service.close();
      await binding?.restore();
    };
    return {
      kind: 'channel',
      get state() {
        return service.state;
      },
      closed: service.closed,
      close,
    };
  } catch (error) {
    await binding?.restore().catch(() => undefined);
    throw error;
  }
}

/** The kernel lets several processes open the node, and each would take packets from the others. */
function requireUnheld(device: Device): void {
  const [holder] = uioHolders(device).filter(({ pid }) => pid !== process.pid);
  if (!holder) return;
  const { pid, command, node } = holder;
  const who = pid > 0 ? `process ${pid} (${command}) has it` : 'another process has it';
  throw new VmbusError('ERR_VMBUS_BUSY', `cannot receive files: ${who} open (${node})`, {
    device: device.id,
    path: node,
    facts: pid > 0 ? { ownerPid: pid, ownerCommand: command } : {},
    hint: "if it is the distribution's daemon: systemctl stop hv-fcopy-daemon",
  });
}

// SPDX-License-Identifier: MIT
//
// What a script says when it starts the host of a machine: the options, checked, and what they name, opened.
// Called by: qemu-host.ts.

import type { Duplex } from 'node:stream';

import { checkInteger, checkOptionNames, checkText } from '../../check.js';
import { errnoName, invalidType, VmbusError } from '../../errors.js';
import { native } from '../../native/load.js';
import { BusVersion } from '../../protocol/control/types.js';
import type { Synic } from '../control/types.js';
import { checkProvider } from '../providers/provider-options.js';
import type { Recorder } from '../recording/recorder.js';
import type { BusService, HostTrouble, Provider } from '../types.js';

/** Options of a {@link QemuHost}. */
export interface QemuHostOptions {
  readonly devices: readonly Provider[];
  /** What offers devices as the guest asks for them. */
  readonly services?: readonly BusService[];
  /** The stream that QEMU's preloaded object is on. */
  readonly stream: Duplex;
  /** The file that QEMU has the guest's memory in, shared. Rings are then worked on in place. */
  readonly memoryFile?: string;
  /** Newest protocol version to agree to, `major << 16 | minor`. Default 5.3. */
  readonly newestVersion?: number;
  /** Writes down the control messages. Its providers are recorded by {@link Recorder.of}. */
  readonly recorder?: Recorder;
  /** Told when a guest breaks the rules (else a process warning) or a provider throws (else thrown, uncaught). */
  readonly onTrouble?: (trouble: HostTrouble) => void;
  /** The machine was reset, or a new kernel took it over: everything was closed. */
  readonly onReset?: () => void;
  /** The stream ended. */
  readonly onEnd?: (error: Error | null) => void;
}

const optionNames: readonly (keyof QemuHostOptions)[] = [
  'devices',
  'services',
  'stream',
  'memoryFile',
  'newestVersion',
  'recorder',
  'onTrouble',
  'onReset',
  'onEnd',
];

/** The way to the guest, with an ear for its control messages. */
export function synicWithEar(link: Synic, recorder: Recorder | undefined): Synic {
  if (recorder === undefined) return link;
  return {
    get processors() {
      return link.processors;
    },
    post(processor, sint, message) {
      recorder.control('control-to-guest', message);
      link.post(processor, sint, message);
    },
    interrupt: (processor, sint, relid) => link.interrupt(processor, sint, relid),
    listen: (connectionId) => link.listen(connectionId),
    unlisten: (connectionId) => link.unlisten(connectionId),
  };
}

/** @throws TypeError, RangeError for options that make no sense */
export function checkOptions(options: QemuHostOptions): void {
  checkOptionNames(options, optionNames);
  checkText(options.memoryFile, 'options.memoryFile');
  if (options.newestVersion !== undefined)
    checkInteger(options.newestVersion, 'options.newestVersion', BusVersion.win8, BusVersion.win10v53);
  if (!Array.isArray(options.devices)) throw invalidType('options.devices', 'an array of providers', options.devices);
  for (const [i, provider] of options.devices.entries()) checkProvider(provider, `options.devices[${i}]`);
  if (typeof (options.stream as Partial<Duplex> | undefined)?.write !== 'function')
    throw invalidType('options.stream', 'a Duplex stream', options.stream);
}

/** Handle of the memory in a file. @throws VmbusError ERR_VMBUS_SYSTEM */
export function openMemory(path: string): number {
  const handle = native().openGuestMemory(path);
  if (handle > 0) return handle;
  throw new VmbusError('ERR_VMBUS_SYSTEM', `cannot map the guest's memory from ${path}: ${errnoName(-handle)}`, {
    path,
    errno: -handle,
    errnoName: errnoName(-handle),
    hint: 'start QEMU with -object memory-backend-file,share=on,mem-path=FILE',
  });
}

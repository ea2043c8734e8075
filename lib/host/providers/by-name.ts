// SPDX-License-Identifier: MIT
//
// Providers by name, for commands and for hosts in a process of their own, whose options come as plain data.
// Called by: process-main.ts, `hv sim`.

import { checkObject, checkOptionNames } from '../../check.js';
import { invalidType, invalidValue } from '../../errors.js';
import type { Provider } from '../types.js';
import { type DynamicMemoryOptions, dynamicMemory, dynamicMemoryOptions } from './dynamic-memory.js';
import { type EchoOptions, echo, echoOptions } from './echo.js';
import { type FcopyOptions, fcopy, fcopyOptions } from './fcopy.js';
import { type HeartbeatOptions, heartbeat, heartbeatOptions } from './heartbeat.js';
import { type IdleOptions, idle, idleOptions } from './idle.js';
import { type KeyboardOptions, keyboard, keyboardOptions } from './keyboard.js';
import { type KvpOptions, kvp, kvpOptions } from './kvp.js';
import { type MouseOptions, mouse, mouseOptions } from './mouse.js';
import { type NetvspOptions, netvspNamedOptions } from './netvsp/nic-plan.js';
import { netvsp } from './netvsp.js';
import { type ShutdownOptions, shutdown, shutdownOptions } from './shutdown.js';
import type { IdeOptions, ScsiOptions } from './storvsp/types.js';
import { ide, ideOptions, scsi, scsiOptions } from './storvsp.js';
import { type TimesyncOptions, timesync, timesyncOptions } from './timesync.js';
import { type VideoOptions, video, videoOptions } from './video.js';
import { type VssOptions, vss, vssOptions } from './vss.js';

/** A device named as plain data. */
export interface NamedDevice {
  /** Key of {@link providersByName}. */
  readonly name: string;
  /** Options of that provider; only what survives JSON. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A provider that can be named. */
export interface NamedProvider {
  /** What the device is, in a few words. */
  readonly summary: string;
  /** Names of its options. */
  readonly options: readonly string[];
  make(options: Readonly<Record<string, unknown>>): Provider;
}

/** Every provider that can be named. */
export const providersByName: Readonly<Record<string, NamedProvider>> = {
  echo: {
    summary: 'sends every packet back',
    options: echoOptions,
    make: (options) => echo(options as EchoOptions),
  },
  balloon: {
    summary: 'dynamic memory, as QEMU plays it',
    options: dynamicMemoryOptions,
    make: (options) => dynamicMemory(options as DynamicMemoryOptions),
  },
  keyboard: {
    summary: 'a keyboard that scripts type on',
    options: keyboardOptions,
    make: (options) => keyboard(options as KeyboardOptions),
  },
  mouse: {
    summary: 'an absolute pointer that scripts move',
    options: mouseOptions,
    make: (options) => mouse(options as MouseOptions),
  },
  video: {
    summary: 'a screen, as far as its channel tells',
    options: videoOptions,
    make: (options) => video(options as VideoOptions),
  },
  net: {
    summary: 'a network card, with a neighbour that gives addresses (peer=10.9.9.1/24), for guests with a kernel',
    options: netvspNamedOptions,
    make: (options) => netvsp(options as NetvspOptions),
  },
  scsi: {
    summary: 'a SCSI controller with disks in files or memory, for guests with a kernel',
    options: scsiOptions,
    make: (options) => scsi(options as ScsiOptions),
  },
  ide: {
    summary: 'an IDE disk in a file or memory, for guests with a kernel',
    options: ideOptions,
    make: (options) => ide(options as IdeOptions),
  },
  heartbeat: {
    summary: 'asks every two seconds whether the guest lives',
    options: heartbeatOptions,
    make: (options) => heartbeat(options as HeartbeatOptions),
  },
  shutdown: {
    summary: 'may ask the guest to power off, restart or hibernate',
    options: shutdownOptions,
    make: (options) => shutdown(options as ShutdownOptions),
  },
  timesync: {
    summary: "tells the guest the host's time",
    options: timesyncOptions,
    make: (options) => timesync(options as TimesyncOptions),
  },
  kvp: {
    summary: "reads and writes the guest's key-value pairs",
    options: kvpOptions,
    make: (options) => kvp(options as KvpOptions),
  },
  vss: {
    summary: "may freeze the guest's file systems for a backup",
    options: vssOptions,
    make: (options) => vss(options as VssOptions),
  },
  fcopy: {
    summary: 'may send files to the guest',
    options: fcopyOptions,
    make: (options) => fcopy(options as FcopyOptions),
  },
  idle: {
    summary: 'stands in the tree as a device of any class, and answers nothing',
    options: idleOptions,
    make: (options) => idle(options as unknown as IdleOptions),
  },
};

/**
 * A device in one word, as commands take it: `NAME` or `NAME:option=value,option=value`. Values are numbers, true, false or text.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function parseNamedDevice(device: string): NamedDevice {
  if (typeof device !== 'string') throw invalidType('device', 'NAME or NAME:option=value,… as a string', device);
  const [name = '', list = ''] = device.split(/:(.*)/s, 2);
  const entries =
    list === ''
      ? []
      : list.split(',').map((part): [string, unknown] => {
          const [option = '', value] = part.split(/=(.*)/s, 2);
          if (option === '' || value === undefined)
            throw invalidValue('device', 'must be NAME or NAME:option=value,…', device);
          return [option, plainValue(value)];
        });
  return { name, options: Object.fromEntries(entries) };
}

function namedDevice(device: NamedDevice): NamedDevice {
  checkObject(device, 'device', 'the name of a device, or an object with a name');
  checkOptionNames(device, ['name', 'options'], 'device');
  if (typeof device.name !== 'string') throw invalidType('device.name', 'a string', device.name);
  return device;
}

function plainValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/**
 * The provider of a name.
 * @throws TypeError ERR_INVALID_ARG_VALUE for an unknown name or option
 */
export function makeProvider(device: NamedDevice | string): Provider {
  const { name, options = {} } = typeof device === 'string' ? parseNamedDevice(device) : namedDevice(device);
  const known = Object.hasOwn(providersByName, name) ? providersByName[name] : undefined;
  if (!known) throw invalidValue('device.name', `must be one of ${Object.keys(providersByName).join(', ')}`, name);
  checkOptionNames(options, known.options, 'device.options');
  return known.make(options);
}

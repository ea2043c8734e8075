// SPDX-License-Identifier: MIT
//
// Providers by name, for commands and for hosts in a process of their own, whose options come as plain data.
// Called by: process-host.ts, `hv sim`. What is said of each: named/.

import { checkObject, checkOptionNames } from '../../check.js';
import { invalidType, invalidValue } from '../../errors.js';
import { nearest } from '../../nearest.js';
import type { Provider } from '../types.js';
import { type DynamicMemoryOptions, dynamicMemory, dynamicMemoryOptions } from './dynamic-memory.js';
import { type EchoOptions, echo, echoOptions } from './echo.js';
import { type FcopyOptions, fcopy, fcopyOptions } from './fcopy.js';
import { type HeartbeatOptions, heartbeat, heartbeatOptions } from './heartbeat.js';
import { type IdleOptions, idle, idleOptions } from './idle.js';
import { type KeyboardOptions, keyboard, keyboardOptions } from './keyboard.js';
import { type KvpOptions, kvp, kvpOptions } from './kvp.js';
import { type MouseOptions, mouse, mouseOptions } from './mouse.js';
import { bareImages, bareOption, bareResolutions, imagesOf } from './named/bare-values.js';
import { keyboardVerbs, mouseVerbs, videoVerbs } from './named/input-verbs.js';
import {
  fcopyVerbs,
  heartbeatVerbs,
  kvpVerbs,
  shutdownVerbs,
  timesyncVerbs,
  vssVerbs,
} from './named/integration-verbs.js';
import { ideVerbs, memoryVerbs, networkVerbs, scsiVerbs } from './named/machine-verbs.js';
import { parseDevice } from './named/parse-device.js';
import type { NamedDevice, NamedProvider } from './named/types.js';
import { type NetvspOptions, netvspNamedOptions } from './netvsp/nic-plan.js';
import { netvsp } from './netvsp.js';
import { type ShutdownOptions, shutdown, shutdownOptions } from './shutdown.js';
import type { IdeOptions, ScsiOptions } from './storvsp/types.js';
import { ide, ideOptions, scsi, scsiOptions } from './storvsp.js';
import { type TimesyncOptions, timesync, timesyncOptions } from './timesync.js';
import { type VideoOptions, video, videoOptions } from './video.js';
import { type VssOptions, vss, vssOptions } from './vss.js';

export type { BareValue, NamedDevice, NamedImage, NamedProvider, NamedVerb } from './named/types.js';

/** Every provider that can be named. */
export const providersByName: Readonly<Record<string, NamedProvider>> = {
  echo: {
    summary: 'sends every packet back',
    options: echoOptions,
    verbs: {},
    make: (options) => echo(options as EchoOptions),
  },
  balloon: {
    summary: 'dynamic memory, as QEMU plays it',
    options: dynamicMemoryOptions,
    flags: ['wantsReports'],
    routine: ['report'],
    verbs: memoryVerbs,
    make: (options) => dynamicMemory(options as DynamicMemoryOptions),
  },
  keyboard: {
    summary: 'a keyboard that scripts type on',
    options: keyboardOptions,
    verbs: keyboardVerbs,
    make: (options) => keyboard(options as KeyboardOptions),
  },
  mouse: {
    summary: 'an absolute pointer that scripts move',
    options: mouseOptions,
    verbs: mouseVerbs,
    make: (options) => mouse(options as MouseOptions),
  },
  video: {
    summary: 'a screen, as far as its channel tells',
    options: videoOptions,
    bare: bareResolutions,
    routine: ['dirt', 'pointer', 'pointer-shape'],
    verbs: videoVerbs,
    make: (options) => video(options as VideoOptions),
  },
  net: {
    summary: 'a network card, with a neighbour that gives addresses',
    options: netvspNamedOptions,
    flags: ['connected', 'dhcp'],
    bare: bareOption('peer', 'ADDRESS/PREFIX'),
    verbs: networkVerbs,
    make: (options) => netvsp(options as NetvspOptions),
  },
  scsi: {
    summary: 'a SCSI controller with disks in files or memory',
    options: scsiOptions,
    flags: ['readonly'],
    bare: bareImages,
    images: imagesOf,
    verbs: scsiVerbs,
    make: (options) => scsi(options as ScsiOptions),
  },
  ide: {
    summary: 'an IDE disk in a file or memory',
    options: ideOptions,
    flags: ['readonly'],
    bare: bareOption('file', 'FILE'),
    images: imagesOf,
    verbs: ideVerbs,
    make: (options) => ide(options as IdeOptions),
  },
  heartbeat: {
    summary: 'asks every two seconds whether the guest lives',
    options: heartbeatOptions,
    routine: ['beat'],
    verbs: heartbeatVerbs,
    make: (options) => heartbeat(options as HeartbeatOptions),
  },
  shutdown: {
    summary: 'may ask the guest to power off, restart or hibernate',
    options: shutdownOptions,
    verbs: shutdownVerbs,
    make: (options) => shutdown(options as ShutdownOptions),
  },
  timesync: {
    summary: "tells the guest the host's time",
    options: timesyncOptions,
    routine: ['sample'],
    verbs: timesyncVerbs,
    make: (options) => timesync(options as TimesyncOptions),
  },
  kvp: {
    summary: "reads and writes the guest's key-value pairs",
    options: kvpOptions,
    verbs: kvpVerbs,
    make: (options) => kvp(options as KvpOptions),
  },
  vss: {
    summary: "may freeze the guest's file systems for a backup",
    options: vssOptions,
    verbs: vssVerbs,
    make: (options) => vss(options as VssOptions),
  },
  fcopy: {
    summary: 'may send files to the guest',
    options: fcopyOptions,
    verbs: fcopyVerbs,
    make: (options) => fcopy(options as FcopyOptions),
  },
  idle: {
    summary: 'stands in the tree as a device of any class, and answers nothing',
    options: idleOptions,
    bare: bareOption('class', 'CLASS'),
    verbs: {},
    make: (options) => idle(options as unknown as IdleOptions),
  },
};

/**
 * A device in one word, as commands take it: `NAME` or `NAME:PART,PART`. A part is `option=value`, where values are numbers, true,
 * false or text; `option.key=value` for an option that is an object; the name of a flag; or the value of the option that is
 * obviously meant: `scsi:disk.img,readonly`, `net:10.9.9.1/24`. A comma in a value is written twice.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function parseNamedDevice(device: string): NamedDevice {
  return parseDevice(device, namedProvider);
}

/**
 * The provider of a name.
 * @throws TypeError, RangeError for an unknown name, and for options that are unknown or make no sense; VmbusError for a file
 * that cannot be a disk
 */
export function makeProvider(device: NamedDevice | string): Provider {
  const { name, options = {} } = readNamedDevice(device);
  const known = namedProvider(name);
  checkOptionNames(options, known.options, typeof device === 'string' ? `device ${name}` : 'device.options');
  return known.make(options);
}

/** A device as plain data, checked. @throws TypeError */
export function readNamedDevice(device: NamedDevice | string): NamedDevice {
  if (typeof device === 'string') return parseNamedDevice(device);
  checkObject(device, 'device', 'the name of a device, or an object with a name');
  checkOptionNames(device, ['name', 'options'], 'device');
  if (typeof device.name !== 'string') throw invalidType('device.name', 'a string', device.name);
  return device;
}

/** What is known of a name. @throws TypeError ERR_INVALID_ARG_VALUE for an unknown one */
export function namedProvider(name: string): NamedProvider {
  const known = Object.hasOwn(providersByName, name) ? providersByName[name] : undefined;
  if (known) return known;
  const names = Object.keys(providersByName);
  const meant = nearest(name, names);
  const guess = meant === null ? '' : `; did you mean ${meant}`;
  throw invalidValue('device.name', `must be one of ${names.join(', ')}${guess}`, name);
}

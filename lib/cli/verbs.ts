// SPDX-License-Identifier: MIT
//
// The verbs of the command, in the order of its help, each with the file that implements it. Loaded one at a time: listing
// devices must not wait for the code that draws the demonstration.

import type { Command } from 'commander';
import type { Context } from './context.js';

/** What a verb does: the context comes first, then commander's arguments and options. A number answered is the exit status. */
export type Work<A extends unknown[]> = (context: Context, ...args: A) => Promise<unknown>;

/** Ties the work of a verb to the run. */
export type Action = <A extends unknown[]>(work: Work<A>) => (...args: A) => Promise<void>;

/** What each file of `commands/` exports. */
export interface VerbModule {
  /** Adds arguments, options, examples and the action to the verb. */
  define(command: Command, action: Action): void;
}

/** A verb as the help lists it. */
export interface Verb {
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  /** Runs the command after `--`. */
  readonly takesCommand?: true;
  load(): Promise<VerbModule>;
}

const look = 'Look:';
const change = 'Change:';
const tryOut = 'Try out:';

/** Every verb. */
export const verbs: readonly Verb[] = [
  {
    name: 'ls',
    group: look,
    summary: 'list the devices of the bus and what became of them',
    load: () => import('./commands/ls.js'),
  },
  {
    name: 'info',
    group: look,
    summary: 'is this Hyper-V, which one, and how do we know',
    load: () => import('./commands/info.js'),
  },
  {
    name: 'host',
    group: look,
    summary: 'what the host tells about itself and this machine',
    load: () => import('./commands/host.js'),
  },
  {
    name: 'doctor',
    group: look,
    summary: 'check what the host offers against what the guest makes of it',
    load: () => import('./commands/doctor.js'),
  },
  {
    name: 'time',
    group: look,
    summary: "how far this clock is from the host's, and who keeps it",
    load: () => import('./commands/time.js'),
  },
  {
    name: 'channels',
    group: look,
    summary: 'show channels, or move one to another CPU',
    load: () => import('./commands/channels.js'),
  },
  {
    name: 'watch',
    group: look,
    summary: 'print every change of the bus as it happens',
    load: () => import('./commands/watch.js'),
  },
  {
    name: 'events',
    group: look,
    summary: 'print what happens to this guest: shutdown, clock, devices',
    load: () => import('./commands/events.js'),
  },
  {
    name: 'bindings',
    group: look,
    summary: 'list the devices held for user space',
    load: () => import('./commands/bindings.js'),
  },
  {
    name: 'bind',
    group: change,
    summary: 'lend a device to user space, and take it back',
    takesCommand: true,
    load: () => import('./commands/bind.js'),
  },
  {
    name: 'restore',
    group: change,
    summary: 'give devices back to their drivers',
    load: () => import('./commands/restore.js'),
  },
  {
    name: 'chan',
    group: change,
    summary: 'talk on a channel: ping, send, recv, dump',
    load: () => import('./commands/chan.js'),
  },
  {
    name: 'net',
    group: change,
    summary: 'drive a network card: info, ping, dump, echo, bench',
    load: () => import('./commands/net.js'),
  },
  {
    name: 'scsi',
    group: change,
    summary: 'drive a storage controller: ls, inquiry, capacity, read, write, bench',
    load: () => import('./commands/scsi.js'),
  },
  {
    name: 'kvp',
    group: change,
    summary: 'key-value pairs between guest and host',
    load: () => import('./commands/kvp.js'),
  },
  {
    name: 'fcopy',
    group: change,
    summary: 'receive files that the host copies here',
    load: () => import('./commands/fcopy.js'),
  },
  {
    name: 'on',
    group: change,
    summary: 'run a command at a shutdown, a jump of the clock, a new device',
    takesCommand: true,
    load: () => import('./commands/on.js'),
  },
  {
    name: 'service',
    group: change,
    summary: 'install systemd units and udev rules, and remove them',
    load: () => import('./commands/service.js'),
  },
  {
    name: 'vss',
    group: change,
    summary: 'backups by the host: explain, try and serve the freeze',
    load: () => import('./commands/vss.js'),
  },
  {
    name: 'demo',
    group: tryOut,
    summary: 'show everything in fifteen seconds',
    load: () => import('./commands/demo.js'),
  },
  {
    name: 'sim',
    group: tryOut,
    summary: 'serve a simulated host',
    takesCommand: true,
    load: () => import('./commands/sim.js'),
  },
  {
    name: 'snapshot',
    group: tryOut,
    summary: 'capture the bus into a folder, to look at elsewhere',
    load: () => import('./commands/snapshot.js'),
  },
  {
    name: 'selftest',
    group: tryOut,
    summary: 'check this machine, and write a report to send in',
    load: () => import('./commands/selftest.js'),
  },
];

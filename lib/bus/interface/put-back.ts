// SPDX-License-Identifier: MIT
//
// Makes an interface what it was, after its card went back to its driver: waits for it, names it, and gives it what is missing.
// A network service may do the same at the same time: each round looks at what is there by now. What can't be put back is
// told with the command to type; nothing here keeps a card from its driver.
// Called by give-back.ts. Invariant: never throws for what the interface is like, and ends in a bounded time.

import { existsSync } from 'node:fs';

import type { Guid } from '../../guid.js';
import { listFolder } from '../read/attributes.js';
import { devicePath } from '../read/device-reader.js';
import { under } from '../root.js';
import { type Asking, askIp, wait } from './ask.js';
import { freshInterface, missingCommands, renaming } from './commands.js';
import { readInterface, whyNot } from './read-interface.js';
import { isInterfaceName } from './state-format.js';
import type { InterfaceCommand, InterfaceReturn, InterfaceState } from './types.js';

/** The driver makes the interface while it takes the device; the uevent that renames it comes later. */
const appearMs = 5_000;
const mostPauseMs = 100;
/** Between the rounds: an IPv6 address may not be used until two seconds after the link is up. */
const roundPausesMs = [50, 150, 400, 1000, 1500];
/** All in all, where every command hangs: somebody waits for the end of a process. */
const mostMs = 15_000;

/** A command that did not do, and why. */
interface Failure extends InterfaceCommand {
  readonly why: string;
  /** Trying again does not help. */
  readonly isFinal?: true;
}

/** Puts the interface back, and tells what was run and what is missing. */
export function* putBackInterface(root: string, id: Guid, wanted: InterfaceState): Asking<InterfaceReturn> {
  const deadline = performance.now() + mostMs;
  const done: InterfaceCommand[] = [];
  const found = yield* appear(root, id);
  if (found === null) return neverCame(wanted);
  let name: string = found;
  let failures: readonly Failure[] = [];
  for (const pauseMs of [0, ...roundPausesMs]) {
    if (pauseMs > 0) yield* wait(pauseMs);
    name = interfaceOf(root, id) ?? name;
    const round: Round = yield* putBackOnce(root, name, wanted, deadline);
    done.push(...round.done);
    name = round.name;
    failures = round.failures;
    if (failures.every(({ isFinal }) => isFinal) || performance.now() > deadline) break;
  }
  return { name, commands: done, missing: [...failures.map(inWords), ...(yield* leases(name, wanted))] };
}

/** What would be run, for an interface that is not there now. */
export function plannedReturn(wanted: InterfaceState): InterfaceReturn {
  return { name: wanted.name, commands: missingCommands(freshInterface(wanted.name), wanted), missing: [] };
}

/** The same for one that may be there already: only what it lacks. */
export function* planFromNow(root: string, id: Guid, wanted: InterfaceState): Asking<InterfaceReturn> {
  const name = interfaceOf(root, id);
  const now = name === null ? 'none' : yield* readInterface(name);
  if (name === null || typeof now === 'string') return plannedReturn(wanted);
  if (name === wanted.name) return { name, commands: missingCommands(now, wanted), missing: [] };
  const commands = [renaming(name, wanted.name), ...missingCommands({ ...now, name: wanted.name }, wanted)];
  return { name, commands, missing: [] };
}

/** The device's interface in this network namespace. */
export function interfaceOf(root: string, id: Guid): string | null {
  const path = devicePath(root, id);
  return path === null ? null : (listFolder(`${path}/net`).find(isInterfaceName) ?? null);
}

function* appear(root: string, id: Guid): Asking<string | null> {
  let waitedMs = 0;
  for (let pauseMs = 2; waitedMs < appearMs; pauseMs = Math.min(pauseMs * 2, mostPauseMs)) {
    const name = interfaceOf(root, id);
    if (name !== null) return name;
    yield* wait(pauseMs);
    waitedMs += pauseMs;
  }
  return interfaceOf(root, id);
}

interface Round {
  readonly name: string;
  readonly done: readonly InterfaceCommand[];
  readonly failures: readonly Failure[];
}

function* putBackOnce(root: string, found: string, wanted: InterfaceState, deadline: number): Asking<Round> {
  const done: InterfaceCommand[] = [];
  const failures: Failure[] = [];
  function* run(command: InterfaceCommand): Asking<boolean> {
    const isLate = performance.now() > deadline;
    const answer = isLate ? null : yield* askIp(command.argv.slice(1));
    if (answer?.status === 0) done.push(command);
    else failures.push({ ...command, why: answer === null ? 'no time was left' : whyNot(answer) });
    return answer?.status === 0;
  }
  let name = found;
  if (name !== wanted.name) {
    const rename = renaming(name, wanted.name);
    if (existsSync(under(root, 'sys/class/net', wanted.name)))
      failures.push({ ...rename, why: `another interface is called ${wanted.name}`, isFinal: true });
    else if (yield* run(rename)) name = wanted.name;
  }
  const now = yield* readInterface(name);
  if (typeof now === 'string') {
    const commands = missingCommands(freshInterface(name), wanted);
    return { name, done, failures: [...failures, ...commands.map((command) => ({ ...command, why: now }))] };
  }
  for (const command of missingCommands(now, wanted)) yield* run(command);
  return { name, done, failures };
}

function neverCame(wanted: InterfaceState): InterfaceReturn {
  const why = `no interface of the card is to be seen after ${appearMs / 1000} s`;
  const { name, commands } = plannedReturn(wanted);
  const missing = commands.map((command) => inWords({ ...command, why }));
  return { name, commands: [], missing: missing.length > 0 ? missing : [`${name}: ${why}`] };
}

/** What a client has to ask for again. */
function* leases(name: string, { leased }: InterfaceState): Asking<string[]> {
  if (leased.length === 0) return [];
  const now = yield* readInterface(name);
  const held =
    typeof now === 'string' ? [] : [...now.leased, ...now.addresses.map((own) => `${own.address}/${own.prefixLength}`)];
  const gone = leased.filter((lease) => !held.includes(lease));
  if (gone.length === 0) return [];
  return [
    `${gone.join(', ')} of ${name} came from a DHCP client or router advertisements, and comes back with them: ` +
      `\`networkctl reconfigure ${name}\`, \`nmcli device reapply ${name}\` or \`dhclient ${name}\``,
  ];
}

function inWords({ what, argv, why }: Failure): string {
  return `could not ${what}: ${why}; by hand: \`${argv.map(quoted).join(' ')}\``;
}

/** A word as a POSIX shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

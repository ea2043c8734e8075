// SPDX-License-Identifier: MIT
//
// A Debian kernel on our own host, for the suites in this folder: booted once a file, with everything that a suite plays.
// The kernel is named by VMBUS_VM_KERNEL and VMBUS_VM_FLAVOUR. Calls: lab/hosted (the machine), dist/host (the host under test).

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';

import { type BusService, type HostTrouble, type Provider, QemuHost, Recorder } from '../../../dist/host/index.js';
import { FAULT_FILE, RECORD_FILE } from '../hosted-run.js';
import { bootHosted, type HostedOptions } from '../lab/hosted/boot-hosted.js';
import type { HostedMachine } from '../lab/hosted/hosted-machine.js';
import type { KernelFlavour, KernelName } from '../lab/kernel-names.js';

/** A guest and its host. */
export interface HostWorld {
  readonly machine: HostedMachine;
  readonly host: QemuHost;
  readonly troubles: readonly HostTrouble[];
  /** Where what is said is written down, if it is. */
  readonly recorder: Recorder | undefined;
}

/** What a suite needs. */
export interface WorldOptions extends Omit<HostedOptions, 'kernel'> {
  readonly devices: readonly Provider[];
  readonly services?: readonly BusService[];
  /** Reach the guest's memory over the stream alone. */
  readonly isStreamed?: boolean;
}

export const kernel: KernelName = (process.env.VMBUS_VM_KERNEL ?? '6.12') as KernelName;
/** The runner tells what the table of suites says; a suite that is started by hand gets the small one. */
export const flavour: KernelFlavour = (process.env.VMBUS_VM_FLAVOUR ?? 'cloud') as KernelFlavour;

/** True for the sizes that the full run has, false for small ones. */
export const isFullSize = process.env.VMBUS_VM_SIZE === 'full';

/**
 * Shell that prints so many mebibytes: a random one again and again, each time after its number. An emulated guest makes
 * random bytes at two mebibytes a second.
 */
export const printMebibytes = (count: number): string =>
  `{ [ -e /tmp/mebibyte ] || dd if=/dev/urandom of=/tmp/mebibyte bs=1M count=1 2> /dev/null; for i in $(seq ${count}); do echo $i; cat /tmp/mebibyte; done; }`;

/** What suites run in the guest. All have all of it, so that they share an image and the snapshot of its boot. */
const PROGRAMS = ['hyperv-daemons', 'e2fsprogs', 'iproute2', 'iputils-ping', 'socat'];

/** A machine that waits for its host. */
export async function bootMachine({
  packages = [],
  ...options
}: Omit<HostedOptions, 'kernel'>): Promise<HostedMachine> {
  const machine = await bootHosted({
    flavour,
    ...options,
    packages: [...PROGRAMS, ...packages],
    kernel,
    note: (line) => console.log(`[lab] ${line}`),
  });
  process.prependOnceListener('SIGTERM', () => tellWhere(machine));
  void machine.ended.then((how) => {
    if (!isExpected(how, machine)) console.error(`[lab] ${how}\n${machine.consoles}`);
  });
  return machine;
}

/** Ended by us, or by its kernel, which says so. */
function isExpected(how: string, { console: said }: HostedMachine): boolean {
  return how.startsWith('closed') || said.includes('reboot: ');
}

/** The runner's patience is at its end: where does the guest hang? */
function tellWhere(machine: HostedMachine): void {
  console.error(machine.consoles);
  // Not process.exit: what the suite has told is still on its way to the runner.
  process.exitCode = 1;
  void machine.close();
}

/** Boots; resolves when the guest has loaded its modules. */
export async function bootWorld({ devices, services, isStreamed, ...options }: WorldOptions): Promise<HostWorld> {
  const machine = await bootMachine(options);
  const troubles: HostTrouble[] = [];
  const memory = isStreamed === true ? null : machine.ram;
  const recorder = startRecorder();
  const host = await QemuHost.start({
    devices: recorder ? devices.map((device) => recorder.of(device)) : devices,
    stream: machine.link,
    ...(services ? { services: recorder ? services.map((service) => recorder.ofService(service)) : services } : {}),
    ...(recorder ? { recorder } : {}),
    ...(memory ? { memoryFile: memory.path } : {}),
    onTrouble: (trouble) => troubles.push(trouble),
    onEnd: (error) => {
      if (error) console.error(`[lab] the host ended: ${error}`);
    },
  });
  try {
    await machine.waitForBoot();
  } catch (error) {
    await endWorld({ machine, host, troubles, recorder });
    throw error;
  }
  return { machine, host, troubles, recorder };
}

let worlds = 0;

/** For `--record`: a file for each boot. A run that is void because the emulation failed is written over by the next one. */
function startRecorder(): Recorder | undefined {
  const wanted = process.env[RECORD_FILE];
  if (wanted === undefined) return undefined;
  worlds += 1;
  const file = worlds === 1 ? wanted : wanted.replace(/\.jsonl$/, `-${worlds}.jsonl`);
  rmSync(file, { force: true });
  return new Recorder(file);
}

/** Ends the machine, then the host. Nothing to do for a world that did not come up: its own error tells. */
export async function endWorld(world: HostWorld | undefined): Promise<void> {
  await endMachine(world?.machine);
  await world?.host.close();
  await world?.recorder?.close();
}

/** Ends a machine, if it came up. */
export async function endMachine(machine: HostedMachine | undefined): Promise<void> {
  const faultFile = process.env[FAULT_FILE];
  await machine?.settled();
  if (machine?.emulationFault !== undefined && faultFile !== undefined)
    writeFileSync(faultFile, machine.emulationFault);
  await machine?.close();
}

/** A kernel that was content says nothing, and so does the host. */
export function assertContent({ machine, troubles }: HostWorld): void {
  assert.deepEqual(machine.kernelTrouble, []);
  assert.deepEqual(
    troubles.map(({ provider, error }) => `${provider}: ${String(error)}`),
    [],
  );
}

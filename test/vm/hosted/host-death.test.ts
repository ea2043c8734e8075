// SPDX-License-Identifier: MIT
//
// A host process that dies under a running guest: the machine is reset, and a new process serves what boots then.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { HostedMachine } from '../lab/hosted/hosted-machine.js';
import { bootMachine, endMachine } from './host-world.js';

const program = fileURLToPath(new URL('./programs/dying-host.js', import.meta.url));

let machine: HostedMachine;
const hosts: ChildProcess[] = [];
before(async () => {
  machine = await bootMachine({ modules: ['hv_utils'], noReboot: false });
});
after(async () => {
  for (const host of hosts) host.kill('SIGKILL');
  await endMachine(machine);
});

/** A host process on a connection to the machine; resolves when the guest has answered its heartbeat. */
async function serve(link: Duplex): Promise<ChildProcess> {
  const memory = machine.ram === null ? [] : [machine.ram.path];
  const host = spawn(process.execPath, [program, ...memory], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  hosts.push(host);
  const end = host.stdio[3] as Duplex;
  // The connection ends with the process, as it would if the process held it itself.
  pipeline(end, link, end, () => link.destroy());
  await Promise.race([
    once(host.stdout as NodeJS.ReadableStream, 'data'),
    once(host, 'exit').then(([code]) => Promise.reject(new Error(`the host process ended with ${code}`))),
  ]);
  return host;
}

const bootId = (): Promise<string> => machine.must('cat /proc/sys/kernel/random/boot_id');

describe('a host process that is killed', () => {
  it('takes the machine with it, and a new one serves the guest that boots then', async () => {
    const [host] = await Promise.all([serve(machine.link), machine.waitForBoot()]);
    const first = await bootId();

    const restarted = machine.waitForRestart();
    host.kill('SIGKILL');
    await serve(await machine.openLink());
    await restarted;
    assert.notEqual(await bootId(), first);
    assert.deepEqual(machine.kernelTrouble, []);
  });
});

// SPDX-License-Identifier: MIT
//
// openChannel() on nodes that are not what they should be: what the script is told, that nothing is left behind, and that
// the same device opens once the node is right again.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { openBus } from '../../dist/bus/index.js';
import { openChannel } from '../../dist/channel/index.js';
import type { VmbusError } from '../../dist/errors.js';
import { type HeaderWord, SimulatedHost } from '../../dist/host/index.js';
import { Scripted, until } from './channel-pair.js';

/** Resolves when the host, in this process too, has heard of the guest's close and let go of its end of the connection. */
function hostSawClose(host: SimulatedHost): Promise<void> {
  return until(() => host.devices.every((device) => !device.isOpen));
}

type Undo = () => unknown;

/** Descriptors and mappings of this process. */
function holdings(): { readonly fds: number; readonly maps: number } {
  const maps = readFileSync('/proc/self/maps', 'latin1').split('\n');
  return {
    fds: readdirSync('/proc/self/fd').length,
    maps: maps.filter((line) => /vmbus|memfd|uio|\/dev\//.test(line)).length,
  };
}

/** Opens a device whose node was replaced; then with its own node again. */
async function openReplaced(
  replace: (node: string) => Undo | Promise<Undo>,
): Promise<{ error: VmbusError; node: string }> {
  await using host = await SimulatedHost.start({ devices: [new Scripted()], bound: true });
  const device = openBus({ root: host.root }).device('uio0');
  const node = device.uio?.node ?? '';
  await (await openChannel(device)).close(); // whatever is loaded at the first open is there now
  renameSync(node, `${node}.kept`);
  const undo = await replace(node);
  await hostSawClose(host);
  const before = holdings();

  const error = await openChannel(device, { timeoutMs: 2000 }).then(
    () => assert.fail('it was opened'),
    (reason: unknown) => reason as VmbusError,
  );

  assert.deepEqual(holdings(), before);
  await undo();
  rmSync(node, { recursive: true, force: true });
  renameSync(`${node}.kept`, node);
  const channel = await openChannel(device);
  assert.equal(channel.isOpen, true);
  await channel.close();
  return { error, node };
}

/** What needs no undoing but to be removed. */
const done =
  (_made: unknown): Undo =>
  () =>
    undefined;

/** A simulated host of somebody else, in Python: Node has no seqpacket sockets. Its memory is a page too short. */
const shortRings = `
import fcntl, mmap, os, socket, struct, sys
rings = os.memfd_create('rings', os.MFD_ALLOW_SEALING)
os.ftruncate(rings, 32768 - mmap.PAGESIZE)
fcntl.fcntl(rings, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
listener.listen(1)
print('listening', flush=True)
peer, _ = listener.accept()
socket.send_fds(peer, [struct.pack('<IIIIiIII', 0x4e424d56, 1, mmap.PAGESIZE, 32768, -1, 0, 0, 0)], [rings])
sys.stdin.read()
`;
const replacements: readonly (readonly [string, string, (node: string) => Undo | Promise<Undo>])[] = [
  ['a regular file', 'ERR_VMBUS_NODE_KIND', (node) => done(writeFileSync(node, 'text'))],
  ['a directory', 'ERR_VMBUS_NODE_KIND', (node) => done(mkdirSync(node))],
  ['a FIFO', 'ERR_VMBUS_NODE_KIND', (node) => done(execFileSync('mkfifo', [node]))],
  ['a link to /dev/null', 'ERR_VMBUS_NODE_KIND', (node) => done(symlinkSync('/dev/null', node))],
  ['a dangling link', 'ERR_VMBUS_NO_DEVICE', (node) => done(symlinkSync(`${node}.none`, node))],
  [
    'a stream socket',
    'ERR_VMBUS_NODE_KIND',
    async (node) => {
      const server = createServer().listen(node);
      await once(server, 'listening');
      return () => server.close();
    },
  ],
];

describe('a device whose node was replaced', () => {
  for (const [what, code, replace] of replacements) {
    it(`by ${what} is refused with ${code}, and opens when the node is back`, async () => {
      const { error, node } = await openReplaced(replace);

      assert.equal(error.code, code);
      assert.equal(error.path, node);
      assert.match(error.hint ?? '', code === 'ERR_VMBUS_NO_DEVICE' ? /hv ls/ : /hv sim/);
    });
  }
});

const hasPython = spawnSync('python3', ['-c', 'import socket; socket.send_fds']).status === 0;

describe('a simulated node that breaks the rules', () => {
  it('with less ring memory than it says is refused, and opens when the node is back', {
    skip: !hasPython && 'python3 with socket.send_fds (3.9) is not installed',
  }, async () => {
    const { error, node } = await openReplaced(async (path) => {
      const child = spawn('python3', ['-c', shortRings, path], {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, LD_PRELOAD: '' },
      });
      const ended = once(child, 'exit');
      await once(child.stdout, 'data');
      return async () => {
        child.stdin.end();
        await ended;
      };
    });

    assert.equal(error.code, 'ERR_VMBUS_PROTOCOL');
    assert.equal(error.path, node);
    assert.match(error.hint ?? '', /version of vmbus/);
  });

  for (const [ring, word, value] of [
    ['in', 'writeIndex', 0xfffffff8],
    ['in', 'writeIndex', 12],
    ['in', 'readIndex', 0xfffffff8],
    ['out', 'writeIndex', 12],
    ['out', 'readIndex', 0xfffffff8],
  ] as const satisfies readonly (readonly ['in' | 'out', HeaderWord, number])[]) {
    it(`with ${value} for the ${word} of the ${ring}-ring is refused, and opens when the host is sane`, async () => {
      const provider = new Scripted();
      await using host = await SimulatedHost.start({ devices: [provider], bound: true });
      const device = openBus({ root: host.root }).device('uio0');
      await (await openChannel(device)).close();
      await hostSawClose(host);
      const before = holdings();
      provider.onOpened = (channel) => channel.faults.pokeHeader(ring, word, value);

      const error = await openChannel(device).then(
        () => assert.fail('it was opened'),
        (reason: unknown) => reason as VmbusError,
      );

      assert.equal(error.code, 'ERR_VMBUS_CORRUPT');
      assert.equal(error.path, device.uio?.node);
      assert.equal(typeof error.facts.violation, 'number');
      assert.match(error.hint ?? '', /bind the device again/);
      await hostSawClose(host);
      assert.deepEqual(holdings(), before);
      provider.onOpened = () => undefined;
      await (await openChannel(device)).close();
    });
  }
});

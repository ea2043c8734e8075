// SPDX-License-Identifier: MIT
//
// Simulated hosts that are not ours: every way to get the first message wrong is refused, and nothing of it is kept.
// Node has no seqpacket sockets, so the wrong hosts are written in Python, which building the addon needs anyway.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { type OpenPlan, OpenStage } from '../../dist/native/binding.js';
import { closeLease, openLease, plainEnvironment, RING_BYTES, TestFolder } from './native-pair.js';

const { ECONNRESET, ENODATA, EPROTO, ETIMEDOUT } = constants.errno;
const hasPython =
  spawnSync('python3', ['-c', 'import socket; socket.send_fds'], { env: plainEnvironment }).status === 0;
const options = hasPython ? {} : { skip: 'python3 with socket.send_fds (3.9) is not installed' };

/** A host that takes one connection and does `answer` with it, in Python. */
const program = `
import array, fcntl, mmap, os, socket, struct, sys
path, answer = sys.argv[1], sys.argv[2]
PAGE, RINGS = mmap.PAGESIZE, ${RING_BYTES}
def memory(size, seals=fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW):
    fd = os.memfd_create('rings', os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd
def message(magic=0x4e424d56, version=2, page=PAGE, rings=RINGS, monitor=-1, recv=0, send=0):
    return struct.pack('<IIIIiIIIIIII', magic, version, page, rings, monitor, recv, 71, send, 72, 0, 0, 0)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(path)
listener.listen(1)
print('listening', flush=True)
peer, _ = listener.accept()
def send(text, fds): socket.send_fds(peer, [text], fds)
exec(answer)
sys.stdin.read()
`;

interface Answered {
  readonly errno: number;
  readonly stage: number;
  readonly lease: number;
}

async function openAgainst(answer: string, timeoutMs = 5000, plan: Partial<OpenPlan> = {}): Promise<Answered> {
  using folder = new TestFolder();
  const path = folder.file('uio0');
  const host = spawn('python3', ['-c', program, path, answer], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: plainEnvironment,
  });
  const ended = once(host, 'exit');
  await once(host.stdout, 'data');
  const opened = await openLease(path, { timeoutMs, ...plan });
  if (opened.errno === 0) await closeLease(opened.lease);
  host.stdin.end();
  await ended;
  return opened;
}

test('a host of somebody else that keeps the rules is accepted', options, async () => {
  assert.equal((await openAgainst('send(message(), [memory(RINGS)])')).errno, 0);
  assert.equal((await openAgainst('send(message(monitor=3), [memory(RINGS), memory(PAGE), memory(PAGE)])')).errno, 0);
});

const wrong: readonly (readonly [string, string])[] = [
  ['another magic number', 'send(message(magic=1), [memory(RINGS)])'],
  ['another version', 'send(message(version=3), [memory(RINGS)])'],
  ['another page size', 'send(message(page=PAGE * 4), [memory(RINGS)])'],
  ['rings of no whole pages', 'send(message(rings=RINGS + 8), [memory(RINGS + 8)])'],
  ['rings without data', 'send(message(rings=2 * PAGE), [memory(2 * PAGE)])'],
  ['rings of 4 GiB less two pages', 'send(message(rings=2**32 - 2 * PAGE), [memory(RINGS)])'],
  ['memory smaller than the rings', 'send(message(), [memory(RINGS - PAGE)])'],
  ['memory larger than the rings', 'send(message(), [memory(RINGS + PAGE)])'],
  ['memory that can still shrink', 'send(message(), [memory(RINGS, fcntl.F_SEAL_GROW)])'],
  [
    'a regular file as memory',
    'fd = os.open(path + ".file", os.O_RDWR | os.O_CREAT); os.ftruncate(fd, RINGS); send(message(), [fd])',
  ],
  ['a pipe as memory', 'send(message(), [os.pipe()[0]])'],
  ['no memory', 'peer.send(message())'],
  ['more descriptors than there are', 'send(message(), [memory(RINGS)] * 2)'],
  ['far more descriptors', 'send(message(), [memory(RINGS)] * 60)'],
  ['a monitor id without pages', 'send(message(monitor=3), [memory(RINGS)])'],
  ['a monitor id out of range', 'send(message(monitor=128), [memory(RINGS), memory(PAGE), memory(PAGE)])'],
  ['a negative monitor id', 'send(message(monitor=-2), [memory(RINGS)])'],
  ['a monitor page of the wrong size', 'send(message(monitor=3), [memory(RINGS), memory(PAGE), memory(2 * PAGE)])'],
  ['buffers without memory', 'send(message(recv=PAGE, send=PAGE), [memory(RINGS)])'],
  ['one buffer of two', 'send(message(recv=PAGE), [memory(RINGS), memory(PAGE)])'],
  ['memory for buffers that it has not', 'send(message(), [memory(RINGS), memory(PAGE), memory(PAGE)])'],
  [
    'a buffer smaller than it says',
    'send(message(recv=2 * PAGE, send=PAGE), [memory(RINGS), memory(PAGE), memory(PAGE)])',
  ],
  [
    'a buffer of no whole pages',
    'send(message(recv=PAGE + 8, send=PAGE), [memory(RINGS), memory(PAGE + 8), memory(PAGE)])',
  ],
  [
    'a buffer that can still shrink',
    'send(message(recv=PAGE, send=PAGE), [memory(RINGS), memory(PAGE, fcntl.F_SEAL_GROW), memory(PAGE)])',
  ],
  ['buffers of more than a GiB', 'send(message(recv=2**31, send=PAGE), [memory(RINGS), memory(PAGE), memory(PAGE)])'],
  ['a message cut short', 'send(message()[:47], [memory(RINGS)])'],
  ['a message that is too long', 'send(message() + b"x", [memory(RINGS)])'],
  [
    'memory that cannot be written',
    'fd = memory(RINGS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE); send(message(), [fd])',
  ],
];
for (const [what, answer] of wrong) {
  test(`a host that answers with ${what} is refused`, options, async () => {
    const before = readdirSync('/proc/self/fd').length;

    const { errno, stage, lease } = await openAgainst(answer);

    assert.ok(errno !== 0);
    assert.ok(
      stage === OpenStage.handshake ? errno === EPROTO : stage === OpenStage.mapRing,
      `stage ${stage}, errno ${errno}`,
    );
    assert.equal(lease, 0);
    assert.equal(readdirSync('/proc/self/fd').length, before);
  });
}

const buffers = { receiveBytes: 8192, receiveGpadl: 71, sendBytes: 4096, sendGpadl: 72 };
const buffered = 'send(message(recv=8192, send=4096), [memory(RINGS), memory(8192), memory(4096)])';

test('a host with buffers is accepted whether they are wanted or not', options, async () => {
  const before = readdirSync('/proc/self/fd').length;

  assert.equal((await openAgainst(buffered)).errno, 0);
  assert.equal((await openAgainst(buffered, 5000, { buffers })).errno, 0);

  assert.equal(readdirSync('/proc/self/fd').length, before);
});

const others: readonly (readonly [string, Partial<typeof buffers>])[] = [
  ['another receive buffer', { receiveGpadl: 70 }],
  ['another send buffer', { sendGpadl: 70 }],
  ['a larger receive buffer', { receiveBytes: 12288 }],
  ['a larger send buffer', { sendBytes: 8192 }],
];
for (const [what, change] of others) {
  test(`a host that has not ${what}, which was planned, is refused`, options, async () => {
    const opened = await openAgainst(buffered, 5000, { buffers: { ...buffers, ...change } });

    assert.deepEqual(opened, { errno: EPROTO, stage: OpenStage.mapBuffers, lease: 0 });
  });
}

test('a host without buffers is refused where they were planned', options, async () => {
  const opened = await openAgainst('send(message(), [memory(RINGS)])', 5000, { buffers });

  assert.deepEqual(opened, { errno: ENODATA, stage: OpenStage.mapBuffers, lease: 0 });
});

test('a host that hangs up instead of answering is refused at stage connect', options, async () => {
  assert.deepEqual(await openAgainst('peer.close()'), { errno: ECONNRESET, stage: OpenStage.connect, lease: 0 });
});

test('a host that says nothing is given up', options, async () => {
  assert.deepEqual(await openAgainst('pass', 100), { errno: ETIMEDOUT, stage: OpenStage.connect, lease: 0 });
});

test('rings whose indices are nonsense are refused at stage header', options, async () => {
  const { errno, stage } = await openAgainst(
    'fd = memory(RINGS); os.pwrite(fd, struct.pack("<I", 12), 4); send(message(), [fd])',
  );

  assert.equal(stage, OpenStage.header);
  assert.equal(errno, 5, 'read index misaligned');
});

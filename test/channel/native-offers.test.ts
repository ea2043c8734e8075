// SPDX-License-Identifier: MIT
//
// Memory that a guest shows to a simulated host, at the addon's surface, with another end that is not ours: what it offers, what it
// answers, and when. The other ends are written in Python, as in native-handshake.test.ts.

import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { NodeEvent } from '../../dist/native/binding.js';
import {
  binding,
  closeLease,
  EventLog,
  openLease,
  Pair,
  plainEnvironment,
  RING_BYTES,
  TestFolder,
  turn,
} from './native-pair.js';

const hasPython =
  spawnSync('python3', ['-c', 'import socket; socket.send_fds'], { env: plainEnvironment }).status === 0;
const options = hasPython ? {} : { skip: 'python3 with socket.send_fds (3.9) is not installed' };
const blockBytes = 2 * 2 ** 20;

const common = `
import fcntl, mmap, os, socket, struct, sys
path, act = sys.argv[1], sys.argv[2]
BLOCK = ${blockBytes}
def memory(size, seals=fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW):
    fd = os.memfd_create('memory', os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd
def say(what):
    print(what, flush=True)
    sys.stdin.readline()
`;

/** A guest that connects, hears nothing of what the host says, and does \`act\`. */
const guest = `${common}
node = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
node.connect(path)
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
def offer(fds, size=BLOCK, magic=0x4d424d56, version=1, more=b''):
    socket.send_fds(node, [struct.pack('<IIQ', magic, version, size) + more], fds)
def answer():
    return struct.unpack_from('<Ii', ours.recv(4096))[1]
exec(act)
`;

/** A host that takes one connection, reads one offer, answers it, and says so by a file. */
const host = `${common}
def message():
    return struct.pack('<IIIIiIIIIIII', 0x4e424d56, 2, mmap.PAGESIZE, ${RING_BYTES}, -1, 0, 0, 0, 0, 0, 0, 0)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(path)
listener.listen(1)
print('listening', flush=True)
peer, _ = listener.accept()
socket.send_fds(peer, [message()], [memory(${RING_BYTES})])
_, fds, _, _ = socket.recv_fds(peer, 64, 4)
answers = socket.socket(fileno=fds[1])
exec(act)
open(path + '.answered', 'w')
sys.stdin.read()
`;

type Program = ChildProcessByStdio<Writable, Readable, null>;

function start(program: string, path: string, act: string): Program {
  return spawn('python3', ['-c', program, path, act], { stdio: ['pipe', 'pipe', 'inherit'], env: plainEnvironment });
}

const said = async (child: Program): Promise<string> => String((await once(child.stdout, 'data'))[0]).trim();

async function ended(child: Program): Promise<void> {
  child.stdin.end();
  if (child.exitCode === null) await once(child, 'exit');
}

/** A served node with that guest; resolves when it has said something, with what. */
async function withGuest(
  act: string,
  body: (guest: Program, events: EventLog<number>, first: string) => Promise<void>,
) {
  using folder = new TestFolder();
  const events = new EventLog<number>();
  const node = binding.serveNode(folder.file('uio0'), RING_BYTES, -1, (event) => events.push(event));
  const child = start(guest, folder.file('uio0'), act);
  try {
    await body(child, events, await said(child));
  } finally {
    await ended(child);
    binding.closeNode(node);
  }
}

test('a guest that leaves without hearing us out takes no descriptor of somebody else with it', options, async () => {
  const act = `offer([memory(BLOCK), theirs.fileno()])\ntheirs.close()\nsay(f'answered {answer()}')`;
  await withGuest(act, async (child, events, first) => {
    assert.equal(first, 'answered 0');
    // The numbers that the host had for what came with the offer are somebody else's now.
    const others = Array.from({ length: 8 }, () => openSync('/dev/null', 'r'));

    child.stdin.end();
    await events.reach(2);

    assert.deepEqual(events.seen, [NodeEvent.opened, NodeEvent.closed]);
    for (const fd of others) assert.doesNotThrow(() => fstatSync(fd), `descriptor ${fd} is closed`);
    for (const fd of others) closeSync(fd);
  });
});

const wrong: readonly (readonly [string, string])[] = [
  ['no descriptor', 'node.send(struct.pack("<IIQ", 0x4d424d56, 1, BLOCK))'],
  ['one descriptor', 'offer([memory(BLOCK)])'],
  ['three descriptors', 'offer([memory(BLOCK), theirs.fileno(), theirs.fileno()])'],
  ['far more descriptors', 'offer([memory(BLOCK), theirs.fileno()] * 20)'],
  ['another magic number', 'offer([memory(BLOCK), theirs.fileno()], magic=1)'],
  ['another version', 'offer([memory(BLOCK), theirs.fileno()], version=2)'],
  ['a byte too many', 'offer([memory(BLOCK), theirs.fileno()], more=b"x")'],
];
for (const [what, offer] of wrong) {
  test(`a guest whose offer has ${what} is dropped, and nothing of it kept`, options, async () => {
    const before = readdirSync('/proc/self/fd').length;
    await withGuest(`say('ready')\n${offer}\nsay('sent')`, async (child, events) => {
      child.stdin.write('\n');
      await events.reach(2);
      assert.deepEqual(events.seen, [NodeEvent.opened, NodeEvent.closed]);
    });
    await turn();
    assert.equal(readdirSync('/proc/self/fd').length, before);
  });
}

const refused: readonly (readonly [string, string])[] = [
  ['can still shrink', 'offer([memory(BLOCK, fcntl.F_SEAL_GROW), theirs.fileno()])'],
  ['is smaller than it says', 'offer([memory(BLOCK), theirs.fileno()], size=2 * BLOCK)'],
  ['has no whole blocks', 'offer([memory(4096), theirs.fileno()], size=4096)'],
  ['is more than a GiB', 'offer([memory(BLOCK), theirs.fileno()], size=2**62)'],
  ['is a pipe', 'offer([os.pipe()[0], theirs.fileno()])'],
];
for (const [what, offer] of refused) {
  test(`memory that ${what} is answered with an errno`, options, async () => {
    await withGuest(`${offer}\nsay(f'answered {answer()}')`, async (_child, _events, first) => {
      assert.equal(first, 'answered 22');
    });
  });
}

/** What showing memory to that host comes to; \`meanwhile\` runs before the event loop does. */
async function showTo(act: string, meanwhile: (memory: number, answered: () => boolean) => void = () => {}) {
  using folder = new TestFolder();
  const path = folder.file('uio0');
  const child = start(host, path, act);
  await said(child);
  const { lease } = await openLease(path);
  const memory = binding.makeDma(2 * blockBytes, true, new Float64Array(1));
  const done = new EventLog<number>();
  try {
    assert.equal(
      binding.showDma(lease, memory, 10_000, (errno) => done.push(errno)),
      0,
    );
    meanwhile(memory, () => existsSync(`${path}.answered`));
    await done.reach(1);
    return { errno: done.seen[0], frames: binding.dmaFrames(memory, new Float64Array(1024)) };
  } finally {
    await closeLease(lease);
    binding.closeDma(memory);
    await ended(child);
  }
}

/** The highest descriptor of this process that is this file. */
function highest(link: string): number {
  const linkOf = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // what listed them
    }
  };
  return Math.max(
    ...readdirSync('/proc/self/fd')
      .filter((fd) => linkOf(fd) === link)
      .map(Number),
  );
}

test('a device that was opened before its memory was made is let go first when the process is killed', async () => {
  await using pair = await Pair.open();
  // So that no number below the device's is free.
  const others = Array.from({ length: 64 }, () => openSync('/dev/null', 'r'));
  const memory = binding.makeDma(blockBytes, true, new Float64Array(1));
  const held = new Float64Array(3);

  assert.equal(binding.heldDescriptors(pair.lease, memory, held), 0);

  // The kernel closes from the highest number down; storage-keeper.test.ts sees it do so.
  const [node = -1, file = -1] = held;
  assert.ok(highest(readlinkSync(`/proc/self/fd/${node}`)) > file);
  binding.closeDma(memory);
  for (const fd of others) closeSync(fd);
});

const good = `answers.send(struct.pack('<IiQQ', 0x4d424d56, 0, 1 << 20, 1 << 21))`;

test('frames are not there before it is told that they are', options, async () => {
  const found = await showTo(good, (memory, answered) => {
    while (!answered());
    // The thread that waits has the answer, or is about to; the script has not been told.
    for (let i = 0; i < 200_000; i += 1) assert.equal(binding.dmaFrames(memory, new Float64Array(1024)), 0);
  });

  assert.deepEqual(found, { errno: 0, frames: 1024 });
});

const answers: readonly (readonly [string, string, number])[] = [
  ['refuses', `answers.send(struct.pack('<Ii', 0x4d424d56, 122))`, 122],
  ['answers with another magic number', `answers.send(struct.pack('<IiQQ', 1, 0, 1, 1))`, 71],
  ['answers with a negative errno', `answers.send(struct.pack('<Ii', 0x4d424d56, -1))`, 71],
  ['names too few blocks', `answers.send(struct.pack('<IiQ', 0x4d424d56, 0, 1))`, 71],
  ['names too many blocks', `answers.send(struct.pack('<IiQQQ', 0x4d424d56, 0, 1, 1, 1))`, 71],
  ['names frames that no machine has', `answers.send(struct.pack('<IiQQ', 0x4d424d56, 0, 1, 2**63))`, 71],
  ['hangs up', 'answers.close()', 104],
];
for (const [what, act, errno] of answers) {
  test(`a host that ${what} leaves the memory without frames`, options, async () => {
    assert.deepEqual(await showTo(act), { errno, frames: 0 });
  });
}

// SPDX-License-Identifier: MIT
//
// What stands between a host and freed memory: the keeper by itself, and when its script is killed amid reads.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { memoryDisk, SimulatedHost, scsi } from '../../dist/host/index.js';
import { keeperPath } from '../../dist/native/keeper-path.js';
import { plainEnvironment, TestFolder } from '../channel/native-pair.js';

const hosts: SimulatedHost[] = [];

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}

const withoutPython =
  spawnSync('python3', ['--version'], { env: plainEnvironment }).status === 0 ? false : 'python3 is not installed';

/** Starts a keeper of a socket and a file, kills it, and says which of the two was let go first. */
const killed = `
import ctypes, fcntl, os, select, signal, socket, sys
keeper, path = sys.argv[1:]
ours, device = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
memory = os.open(path, os.O_RDWR | os.O_CREAT)
libc = ctypes.CDLL(None)
closed = libc.inotify_init1(os.O_CLOEXEC)
IN_CLOSE_WRITE = 8
libc.inotify_add_watch(closed, path.encode(), IN_CLOSE_WRITE)
words, speech = os.pipe()
silence, _ = os.pipe()
pid = os.fork()
if pid == 0:
    held = [fcntl.fcntl(fd, fcntl.F_DUPFD, 50) for fd in (silence, speech, device.fileno(), memory)]
    for fd, number in zip(held, (0, 1, 3, 4)): os.dup2(fd, number)
    os.closerange(5, 100)
    os.execv(keeper, [keeper, '2'])
device.close()
os.close(memory)
os.read(words, 64)
names = {ours.fileno(): 'device', closed: 'memory'}
poll = select.epoll()
for fd in names: poll.register(fd, select.EPOLLIN)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
# In the order in which they became ready.
print(*(names[fd] for fd, _ in poll.poll(10)))
`;

describe('vmbus-keeper', () => {
  it('closes the device, and ends, when its script is killed amid reads', async () => {
    const host = await SimulatedHost.start({
      devices: [scsi({ disks: [memoryDisk({ sizeBytes: 8 * 2 ** 20 })] })],
      bound: true,
    });
    hosts.push(host);
    const program = fileURLToPath(new URL('storage-child.js', import.meta.url));
    const child = spawn(process.execPath, [program, host.root], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
    const keeper = Number(/kept by (\d+)/.exec(line)?.[1]);
    // It has the socket of the node and the memory, and nothing else of the script's.
    assert.match(readlinkSync(`/proc/${keeper}/fd/3`), /^socket:/);
    assert.match(readlinkSync(`/proc/${keeper}/fd/4`), /vmbus-dma/);
    assert.equal(readlinkSync(`/proc/${keeper}/fd/5`), readlinkSync(`/proc/${keeper}/fd/3`));
    assert.ok(!existsSync(`/proc/${keeper}/fd/6`));

    const closed = (async () => {
      for await (const event of host.events()) if (event.kind === 'closed') return;
    })();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await closed;

    assert.equal(host.devices[0]?.isOpen, false);
    // It has closed the device, and has only to end.
    while (isAlive(keeper)) await new Promise((resolve) => setImmediate(resolve));
  });

  it('closes the device before the memory when it is killed itself', { skip: withoutPython }, () => {
    using folder = new TestFolder();
    const words = ['-c', killed, keeperPath(), folder.file('memory')];

    const { stdout, stderr } = spawnSync('python3', words, { encoding: 'utf8', env: plainEnvironment });

    assert.equal(stdout, 'device memory\n', stderr);
  });

  it('does nothing without a device and memory', async () => {
    for (const words of [[], ['1'], ['2'], ['7'], ['22']]) {
      const child = spawn(keeperPath(), words, { stdio: ['ignore', 'ignore', 'pipe'] });
      const [status] = (await once(child, 'close')) as [number];
      assert.equal(status, 2, words.join(' '));
    }
  });
});

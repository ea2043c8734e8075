// SPDX-License-Identifier: MIT
//
// `hv net tap`: two cards of a simulated host, each joined to an interface in a network of its own, and this kernel's TCP between
// them. Needs root and /dev/net/tun.

import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

import { type NetvspProvider, NetworkSwitch, netvsp, SimulatedHost } from '../../dist/host/index.js';
import { type Running, run, start } from './cli-run.js';

const execute = promisify(execFile);
const ownNetwork = ['unshare', '--net'];
const tried = spawnSync('unshare', ['--net', 'ip', 'tuntap', 'add', 'dev', 'tried', 'mode', 'tap'], {
  encoding: 'utf8',
});
const skip = tried.status !== 0 && `no TAP interface can be made here: ${tried.error?.message ?? tried.stderr.trim()}`;

/** A card that is joined to the interface `lan` of a network of its own. */
interface Joined {
  readonly card: NetvspProvider;
  readonly running: Running;
  /** Runs a program there. */
  run(...words: readonly string[]): Promise<string>;
  words(...words: readonly string[]): [string, string[]];
}

async function withCards(
  work: (left: Joined, right: Joined) => Promise<void>,
  ...options: readonly string[]
): Promise<void> {
  const network = new NetworkSwitch();
  const cards = ['left', 'right'].map((name) => netvsp({ name, switch: network, mtu: 9000 }));
  await using host = await SimulatedHost.start({ devices: cards, bound: true });
  const joined: Joined[] = [];
  try {
    for (const [i, card] of cards.entries()) {
      const running = start(['--root', host.root, 'net', 'tap', `uio${i}`, '--name', 'lan', '--json', ...options], {
        through: ownNetwork,
      });
      await running.saw(/"vmbus\.net\.tap\/1"/);
      const words = (...rest: readonly string[]): [string, string[]] => [
        'nsenter',
        ['--target', String(running.child.pid), '--net', ...rest],
      ];
      const inside = async (...rest: readonly string[]): Promise<string> => (await execute(...words(...rest))).stdout;
      joined.push({ card, running, run: inside, words });
      await inside('ip', 'addr', 'add', `10.9.9.1${i}/24`, 'dev', 'lan');
    }
    const [left, right] = joined;
    if (left && right) await work(left, right);
  } finally {
    for (const { running } of joined) running.child.kill('SIGINT');
    await Promise.all(joined.map(({ running }) => running.ended));
  }
}

const server = `
  const hash = require('node:crypto').createHash('sha256');
  const server = require('node:net').createServer((socket) => {
    socket.on('data', (bytes) => hash.update(bytes)).on('end', () => { console.log(hash.digest('hex')); socket.end(); server.close(); });
  }).listen(7000, () => console.log('listens'));
`;
const client = (address: string, mebibytes: number): string => `
  const socket = require('node:net').connect(7000, '${address}', async () => {
    for (let i = 0; i < ${mebibytes}; i += 1)
      if (!socket.write(Buffer.alloc(2 ** 20, i))) await new Promise((resolve) => socket.once('drain', resolve));
    socket.end();
  }).resume();
`;

/** @returns the hash of what arrived */
async function sent(from: Joined, to: Joined, address: string, mebibytes: number): Promise<string> {
  const serving = spawn(...to.words(process.execPath, '-e', server), { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(serving, 'close');
  let out = '';
  serving.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  while (!out.includes('listens')) await once(serving.stdout, 'data');
  await from.run(process.execPath, '-e', client(address, mebibytes));
  await ended;
  return out.trim().split('\n').at(-1) ?? '';
}

function hashOf(mebibytes: number): string {
  const hash = createHash('sha256');
  for (let i = 0; i < mebibytes; i += 1) hash.update(Buffer.alloc(2 ** 20, i));
  return hash.digest('hex');
}

describe('hv net tap', { skip }, () => {
  it('has the kernel use the card: TCP both ways, whole', async () => {
    await withCards(async (left, right) => {
      assert.equal(await sent(left, right, '10.9.9.11', 4), hashOf(4));
      assert.equal(await sent(right, left, '10.9.9.10', 4), hashOf(4));
      left.running.child.kill('SIGINT');
      const { status, stdout } = await left.running.ended;
      const [begun, ended] = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      assert.deepEqual(
        [begun?.interface, begun?.mtu, ended?.schema, ended?.by],
        ['lan', 1500, 'vmbus.net.tap-end/1', 'user'],
      );
      assert.ok(Number(ended?.toKernel) > 100 && Number(ended?.fromKernel) > 100, stdout);
      assert.equal(status, 130);
    });
  });

  it('gives the interface the address and the MTU of the card', async () => {
    await withCards(
      async (left) => {
        const [link] = JSON.parse(await left.run('ip', '-j', 'link', 'show', 'lan')) as {
          mtu: number;
          address: string;
        }[];
        assert.deepEqual([link?.mtu, link?.address], [2000, left.card.mac]);
      },
      '--mtu',
      '2000',
    );
  });

  it('shows the kernel when the cable goes and comes', async () => {
    await withCards(async (left) => {
      const watching = spawn(...left.words('ip', 'monitor', 'link', 'dev', 'lan'), {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let told = '';
      watching.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
      const sees = async (pattern: RegExp): Promise<void> => {
        const shown = async (): Promise<boolean> => pattern.test(await left.run('ip', 'link', 'show', 'lan'));
        while (!(await shown())) await once(watching.stdout, 'data');
      };
      left.card.disconnect();
      await sees(/NO-CARRIER/);
      left.card.connect();
      await sees(/LOWER_UP/);
      watching.kill();
      assert.match(told, /lan/);
    });
  });

  it('ends, and says why, when somebody deletes the interface', async () => {
    await withCards(async (left) => {
      await left.run('ip', 'link', 'del', 'lan');
      const { status, stderr } = await left.running.ended;
      assert.equal(status, 1);
      assert.match(stderr, /lan was taken away/);
    });
  });

  it('takes nobody’s interface', async () => {
    const through = ['unshare', '--net', 'sh', '-c', 'ip tuntap add dev mine mode tap && exec "$@"', 'sh'];
    const { status, stderr } = await run(['--sim', 'net', 'tap', '--name', 'mine'], { through });
    assert.equal(status, 5);
    assert.match(stderr, /there is the interface mine already/);
  });

  it('says that it needs root, and what a name looks like', async () => {
    const { status, stderr } = await run(['--sim', 'net', 'tap', '--name', 'a/b'], { through: ownNetwork });
    assert.notEqual(status, 0);
    assert.match(stderr, /options\.name.*1 … 15 bytes/s);
    const through = [...ownNetwork, 'setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-all'];
    const refused = await run(['--sim', 'net', 'tap'], { through });
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /CAP_NET_ADMIN/);
  });
});

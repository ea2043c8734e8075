// SPDX-License-Identifier: MIT
//
// `hv net` on simulated hosts: what it prints, what it writes, and that cards are given back in order.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { type NetvspProvider, netvsp, SimulatedHost } from '../../dist/host/index.js';
import { main, run, start } from './cli-run.js';
import { readPcapng } from './pcapng-reader.js';

const mac = '00:15:5d:01:02:03';

/** A frame to the card that can be told from others. */
function frameOf(i: number, bytes = 60): Uint8Array {
  const frame = new Uint8Array(bytes).fill(i);
  frame.set([0x00, 0x15, 0x5d, 0x01, 0x02, 0x03, 0x00, 0x15, 0x5d, 0x0a, 0x0b, 0x0c, 0x88, 0xb5]);
  return frame;
}

/** A host of this process with one card, bound. */
async function withCard(work: (card: NetvspProvider, root: string) => Promise<void>): Promise<void> {
  const card = netvsp({ mac });
  await using host = await SimulatedHost.start({ devices: [card], bound: true });
  await work(card, host.root);
}

describe('hv net', () => {
  it('lists cards and shows one', async () => {
    const { status, stdout } = await run(['--sim', 'net', 'ls', '--json']);
    const { status: shown, stdout: text } = await run(['--sim', 'net', 'info']);
    const { stdout: json } = await run(['--sim', 'net', 'info', '--json']);

    assert.deepEqual([status, shown], [0, 0]);
    const { schema, cards } = JSON.parse(stdout);
    assert.equal(schema, 'vmbus.net.cards/1');
    assert.deepEqual(
      cards.map((card: { driver: string; channels: number }) => [card.driver, card.channels]),
      [['hv_netvsc', 1]],
    );
    assert.match(text, /^address {3}00:15:5d:00:00:01$/m);
    assert.match(text, /^link {6}up, 10,000 Mbit\/s$/m);
    assert.equal(JSON.parse(json).schema, 'vmbus.net.card/1');
    assert.equal(JSON.parse(json).version, '6.1');
  });

  it('means the card that it was lent, where there are several', async () => {
    const second = { mac: '00:15:5d:01:02:04', instanceGuid: '00000000-0000-0000-0000-000000000012' };
    await using host = await SimulatedHost.start({ devices: [netvsp({ mac }), netvsp({ name: 'net2', ...second })] });
    const info = [process.execPath, main, 'net', 'info', '--json'];

    const { status, stdout, stderr } = await run(['--root', host.root, 'bind', second.instanceGuid, '--', ...info]);
    const unnamed = await run(['--root', host.root, 'net', 'info']);

    assert.equal(status, 0, stderr);
    assert.equal(JSON.parse(stdout).mac, second.mac);
    assert.equal(unnamed.status, 3);
    assert.match(unnamed.stderr, /"net" names 2 devices/);
  });

  it('pings a neighbour with an address that the network gives, and with one of its own', async () => {
    const given = await run(['--sim', 'net', 'ping', '10.9.9.1', '-c', '3', '-i', '10ms']);
    const own = await run([
      '--sim',
      'net',
      'ping',
      '10.9.9.1',
      '--from',
      '10.9.9.7/24',
      '-c',
      '2',
      '-i',
      '0',
      '--json',
    ]);

    assert.equal(given.status, 0, given.stderr);
    assert.match(
      given.stdout,
      /^PING 10\.9\.9\.1 from 10\.9\.9\.\d+: 56 bytes\n64 bytes from 10\.9\.9\.1: seq 1 {2}\S+ \S+$/m,
    );
    assert.match(given.stdout, /^10\.9\.9\.1: 3 sent, 3 received, 0 lost$/m);
    const { schema, from, sent, received } = JSON.parse(own.stdout);
    assert.deepEqual([schema, from, sent, received], ['vmbus.net.ping/1', '10.9.9.7', 2, 2]);
  });

  it('says so when nobody answers, or an address is far away', async () => {
    const silent = await run(['--sim', 'net', 'ping', '10.9.9.77', '-c', '1', '-W', '100ms']);
    const far = await run(['--sim', 'net', 'ping', '8.8.8.8', '--from', '10.9.9.7/24']);

    assert.equal(silent.status, 1);
    assert.match(silent.stdout, /1 sent, 0 received, 1 lost/);
    assert.equal(far.status, 1);
    assert.match(far.stderr, /no router/);
  });

  it('dumps frames as lines and as records', async () => {
    await withCard(async (card, root) => {
      const port = card.network.port();
      for (const json of [[], ['--json']]) {
        const running = start(['--root', root, 'net', 'dump', '-c', '3', ...json]);
        await card.ready();
        for (let i = 0; i < 3; i += 1) port.frames.write(frameOf(i));
        const { status, stdout } = await running.ended;

        assert.equal(status, 0);
        const lines = stdout.trim().split('\n');
        assert.equal(lines.length, 3);
        if (json.length === 0) assert.equal(lines[0], '00:15:5d:0a:0b:0c > 00:15:5d:01:02:03  0x88b5  60 bytes');
        else {
          const { schema, frame } = JSON.parse(lines[1] ?? '');
          assert.deepEqual([schema, frame], ['vmbus.net.frame/1', Buffer.from(frameOf(1)).toString('hex')]);
        }
      }
      assert.equal(card.statistics.malformed, 0);
    });
  });

  it('writes a capture file that others can read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmbus-net-'));
    const file = join(folder, 'frames.pcapng');
    try {
      await withCard(async (card, root) => {
        const port = card.network.port();
        const running = start(['--root', root, 'net', 'dump', '--pcapng', file, '-c', '4']);
        await card.ready();
        const before = BigInt(Date.now()) * 1_000_000n;
        for (let i = 0; i < 4; i += 1) port.frames.write(frameOf(i, 61 + i));
        const { status, stdout } = await running.ended;

        assert.equal(status, 0);
        assert.match(stdout, /^4 frames in /);
        const { application, interfaces, packets } = readPcapng(readFileSync(file));
        assert.equal(application, 'hv net dump');
        assert.deepEqual(
          interfaces.map(({ linkType, resolution }) => [linkType, resolution]),
          [[1, 9]],
        );
        assert.deepEqual(
          packets.map(({ bytes }) => [...bytes]),
          [0, 1, 2, 3].map((i) => [...frameOf(i, 61 + i)]),
        );
        for (const { time } of packets) assert.ok(time > before - 10n ** 9n && time < before + 60n * 10n ** 9n);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('broke down where its capture file could not be made or the disk was full', async () => {
    await withCard(async (card, root) => {
      const nowhere = await run(['--root', root, 'net', 'dump', '--pcapng', '/nowhere/frames.pcapng']);
      const full = await run(['--root', root, 'net', 'dump', '--pcapng', '/dev/full']);

      assert.equal(nowhere.status, 1);
      assert.match(nowhere.stderr, /^hv: ENOENT: .*frames\.pcapng'\n$/);
      assert.equal(full.status, 1);
      assert.match(full.stderr, /^hv: ENOSPC: /m);
      assert.equal(card.state, 'closed');
    });
  });

  it('sends frames back, and ends in order at Ctrl-C', async () => {
    await withCard(async (card, root) => {
      const port = card.network.port();
      const running = start(['--root', root, 'net', 'echo']);
      await card.ready();
      for (let i = 0; i < 20; i += 1) port.frames.write(frameOf(i));
      const back: Uint8Array[] = [];
      for await (const frame of port.frames) {
        back.push(frame as Uint8Array);
        if (back.length === 20) break;
      }
      running.child.kill('SIGINT');
      const { status, stdout } = await running.ended;

      assert.equal(status, 130);
      assert.match(stdout, /^20 frames sent back$/m);
      assert.deepEqual([...(back[5] ?? [])].slice(0, 12), [0, 0x15, 0x5d, 10, 11, 12, 0, 0x15, 0x5d, 1, 2, 3]);
      assert.equal(card.state, 'closed');
      assert.equal(card.statistics.held, 0);
    });
  });

  it('measures what goes', async () => {
    const { status, stdout } = await run(['--sim', 'net', 'bench', '-t', '200ms', '--json']);

    assert.equal(status, 0);
    const { schema, framesOut, sizeBytes } = JSON.parse(stdout);
    assert.deepEqual([schema, sizeBytes, framesOut > 0], ['vmbus.net.bench/1', 64, true]);
  });

  it('takes no card that the kernel has, and says what to do', async () => {
    const card = netvsp({ mac });
    await using host = await SimulatedHost.start({ devices: [card] });
    const { status, stderr } = await run(['--root', host.root, 'net', 'info']);

    assert.equal(status, 1);
    assert.match(stderr, /the driver hv_netvsc has it/);
    assert.match(stderr, /hint: hv --root \S+ bind [\da-f-]{36}$/m);
  });
});

// SPDX-License-Identifier: MIT
//
// The kernel's own hv_sock on our host: streams both ways, half-closed ones, and ports where nobody is.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';

import { hvSock } from '../../../dist/host/index.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize } from './host-world.js';

const bytes = (isFullSize ? 64 : 4) * 1024 * 1024;
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

const sockets = hvSock();

let world: HostWorld;
before(async () => {
  world = await bootWorld({ devices: [], services: [sockets], modules: ['hv_sock'] });
});
after(async () => endWorld(world));

const sh = async (command: string): Promise<string> => (await world.machine.must(command)).trim();

describe('a socket of the guest to the host', () => {
  it('carries a stream to us, and our answer after its end', async () => {
    const received = new Promise<string>((resolve, reject) => {
      sockets.listen(5000, async (socket) => {
        const hash = createHash('sha256');
        for await (const chunk of socket.iterator({ destroyOnReturn: false })) hash.update(chunk as Buffer);
        const sum = hash.digest('hex');
        socket.end(`${sum}\n`);
        await once(socket, 'close').catch(reject);
        resolve(sum);
      });
    });
    await sh(`head -c ${bytes} /dev/urandom > /tmp/out`);
    const answer = await sh('socat -t 120 - VSOCK-CONNECT:2:5000 < /tmp/out');
    assert.equal(answer, (await sh('sha256sum < /tmp/out')).split(' ')[0]);
    assert.equal(await received, answer);
  });

  it('is refused where nobody listens', async () => {
    const { status, stderr } = await world.machine.run('socat - VSOCK-CONNECT:2:5999 < /dev/null');
    assert.notEqual(status, 0);
    assert.match(stderr, /refused|timed out|reset/i);
  });
});

describe('a socket of the host to the guest', () => {
  it('carries a stream to the guest, and its answer after our end', async () => {
    const data = randomBytes(bytes);
    const server = world.machine.run('socat -t 120 VSOCK-LISTEN:1024 SYSTEM:sha256sum');
    const socket = await connected(1024);
    socket.end(data);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    assert.equal(answer.split(' ')[0], sha256(data));
    assert.equal((await server).status, 0);
  });

  it('is withdrawn where nobody listens', async () => {
    await assert.rejects(sockets.connect(1999), { code: 'ERR_VMBUS_TIMEOUT' });
  });
});

/** The listener needs a moment, and nothing tells when it is there. */
async function connected(port: number) {
  for (;;) {
    try {
      return await sockets.connect(port, { timeoutMs: 2000 });
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_VMBUS_TIMEOUT') throw error;
    }
  }
}

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});

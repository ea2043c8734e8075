// SPDX-License-Identifier: MIT
//
// The backup service of a kernel, served by a script: what the kernel hears, and that each freeze is followed by a thaw.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { serveVss, type VssService } from '../../dist/index.js';
import { VssOperation } from '../../dist/protocol/vss.js';
import { EventLog } from './native-pair.js';
import { done, failed, VssKernel } from './vss-kernel.js';

const { hotBackup, freeze, thaw } = VssOperation;

let kernel: VssKernel;
let calls: EventLog<string>;
let service: VssService;

beforeEach(async () => {
  kernel = await VssKernel.start();
  calls = new EventLog();
});
afterEach(async () => {
  await service.close();
  await kernel[Symbol.asyncDispose]();
});

async function serve(handlers: { freeze?(call: { signal: AbortSignal }): Promise<void>; thaw?(): void } = {}) {
  service = await serveVss({
    root: kernel.root,
    freeze: async (call) => {
      calls.push('freeze');
      await handlers.freeze?.(call);
    },
    thaw: ({ reason }) => {
      calls.push(`thaw ${reason}`);
      handlers.thaw?.();
    },
  });
}

const untilAborted = ({ signal }: { readonly signal: AbortSignal }): Promise<void> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));

describe('a backup service', () => {
  it('answers a check, freezes and thaws', async () => {
    await serve();
    assert.equal(await kernel.ask(hotBackup), done);
    assert.equal(await kernel.ask(freeze), done);
    assert.equal(service.isHeld, true);
    assert.equal(await kernel.ask(thaw), done);

    assert.equal(service.isHeld, false);
    assert.deepEqual(calls.seen, ['freeze', 'thaw asked']);
  });

  it('tells a failed freeze, when that is thawed', async () => {
    await serve({ freeze: () => Promise.reject(new Error('no')) });
    assert.equal(await kernel.ask(freeze), failed);
    assert.deepEqual(calls.seen, ['freeze', 'thaw failed']);
    // What is not frozen may be thawed, as hosts do after a failure.
    assert.equal(await kernel.ask(thaw), done);
    assert.deepEqual(calls.seen, ['freeze', 'thaw failed']);
  });

  it('tells a failed thaw, once, and what it does not know', async () => {
    await serve({
      thaw: () => {
        throw new Error('no');
      },
    });
    await kernel.ask(freeze);
    assert.equal(await kernel.ask(thaw), failed);
    assert.equal(await kernel.ask(thaw), done);
    assert.equal(await kernel.ask(8), failed);
  });

  it('thaws when the host switches it off, and serves again when it is back', async () => {
    await serve();
    await kernel.ask(freeze);
    kernel.switchOff();
    await calls.reach(2);
    assert.deepEqual(calls.seen, ['freeze', 'thaw gone']);
    kernel.switchOn();
    while (service.state !== 'ready') await new Promise((resolve) => setImmediate(resolve));

    assert.equal(await kernel.ask(freeze), done);
    assert.equal(await kernel.ask(thaw), done);
  });

  it('gives up a freeze that is not done when it is switched off, then thaws', async () => {
    await serve({ freeze: untilAborted });
    kernel.send(freeze);
    await calls.reach(1);
    kernel.switchOff();
    await calls.reach(2);

    assert.deepEqual(calls.seen, ['freeze', 'thaw gone']);
  });

  it('thaws a freeze that comes to its end long after the host has given it up, and not before that', async () => {
    // Longer than a request is waited for whose signal was aborted.
    const graceMs = 1200;
    await serve({
      freeze: async (call) => {
        await untilAborted(call).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, graceMs));
        calls.push('frozen');
      },
    });
    kernel.send(freeze);
    await calls.reach(1);
    assert.equal(await kernel.ask(thaw), done);

    assert.deepEqual([calls.seen, kernel.answers.seen], [['freeze', 'frozen', 'thaw asked'], [done]]);
  });

  it('thaws before it freezes again for a host that forgot to ask', async () => {
    await serve();
    await kernel.ask(freeze);
    assert.equal(await kernel.ask(freeze), done);

    assert.deepEqual(calls.seen, ['freeze', 'thaw asked', 'freeze']);
  });

  it('thaws when the script closes it', async () => {
    await serve();
    await kernel.ask(freeze);
    await service.close();

    assert.deepEqual(calls.seen, ['freeze', 'thaw closed']);
    assert.deepEqual(await service.closed, { by: 'user' });
  });

  it('is refused while somebody has the device, and for handlers that are none', async () => {
    await serve();
    const second = serveVss({ root: kernel.root, freeze: () => undefined, thaw: () => undefined });
    await assert.rejects(second, { code: 'ERR_VMBUS_BUSY' });
    await assert.rejects(serveVss({ root: kernel.root } as never), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(serveVss({ freze: 1 } as never), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});

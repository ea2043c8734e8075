// SPDX-License-Identifier: MIT
//
// Programs that a test runs in a process of their own, by name: node channel-child.js NAME [ROOT]

import { openBus } from '../../dist/bus/index.js';
import { openChannel } from '../../dist/channel/index.js';
import { echo, SimulatedHost } from '../../dist/host/index.js';

declare const gc: (() => void) | undefined;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const programs: Record<string, (root: string) => Promise<void>> = {
  /** An open channel keeps the process alive; an unref'd or closed one does not. */
  async unref(root) {
    const channel = await openChannel(openBus({ root }).device('echo'));
    void channel[Symbol.asyncIterator]().next();
    channel.unref();
    say('unref');
  },

  async closed(root) {
    const channel = await openChannel(openBus({ root }).device('echo'));
    const next = channel[Symbol.asyncIterator]().next();
    await channel.close();
    await next;
    say('closed');
  },

  async open(root) {
    const channel = await openChannel(openBus({ root }).device('echo'));
    void channel[Symbol.asyncIterator]().next();
    say('open');
  },

  /** Ends in the middle of everything. */
  async exit(root) {
    const channel = await openChannel(openBus({ root }).device('echo'));
    void channel[Symbol.asyncIterator]().next();
    void channel.request(Uint8Array.of(1));
    say('exit');
    process.exit(7);
  },

  /** What a visitor throws is the program's to catch. */
  async uncaught(root) {
    const channel = await openChannel(openBus({ root }).device('echo'));
    await channel.send(Uint8Array.of(1));
    await channel.readable();
    process.on('uncaughtException', (error) => {
      say(`caught ${error.message}`);
      void channel.request(Uint8Array.of(2)).then(async ({ payload }) => {
        say(`answered ${payload[0]}`);
        await channel.close();
      });
    });
    setImmediate(() =>
      channel.drain(() => {
        throw new Error('boom');
      }),
    );
  },

  async unhandled(root) {
    const channel = await openChannel(openBus({ root }).device('echo'));
    await channel.send(Uint8Array.of(1));
    say('loop');
    for await (const _ of channel) throw new Error('boom in a loop');
  },

  /** A channel that the program lost is closed, and said so once. */
  async lost() {
    const host = await SimulatedHost.start({ devices: [echo()], bound: true });
    const bus = openBus({ root: host.root });
    process.on('warning', ({ name, message }) => say(`${name}: ${message}`));
    await (async function loseOne(): Promise<void> {
      const channel = await openChannel(bus.device('echo'));
      await channel.request(Uint8Array.of(1));
    })();
    while (host.channels('echo').length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      gc?.();
    }
    say('closed by the collector');
    const again = await openChannel(bus.device('echo'));
    await again.close();
    await host.close();
  },

  /** One that somebody waits on is not lost. */
  async waited() {
    const host = await SimulatedHost.start({ devices: [echo()], bound: true });
    const bus = openBus({ root: host.root });
    process.on('warning', ({ name, message }) => say(`${name}: ${message}`));
    const loop = (async () => {
      for await (const { payload } of await openChannel(bus.device('echo'))) return payload.length;
      return -1;
    })();
    for (let i = 0; i < 50; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      gc?.();
    }
    host.channels('echo')[0]?.send(new Uint8Array(16));
    say(`got ${await loop}`);
    process.exit(0);
  },
};

const [program = '', root = ''] = process.argv.slice(2);
await programs[program]?.(root);

// SPDX-License-Identifier: MIT
//
// `hv events` and `hv on` as they are typed: on a simulated host, and beside a D-Bus that says what systemd's login manager would.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { on, once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { echo, SimulatedHost, shutdown } from '../../dist/host/index.js';
import { openBus } from '../../dist/index.js';
import { type Running, run, start } from './cli-run.js';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Notes go to standard error; this waits for one. */
async function noted(running: Running, pattern: RegExp): Promise<void> {
  let text = '';
  const { stderr } = running.child;
  assert.ok(stderr);
  for await (const [chunk] of on(stderr, 'data', { close: ['end'] }) as AsyncIterable<[string]>) {
    text += chunk;
    if (pattern.test(text)) return;
  }
  throw new Error(`ended without ${pattern}: ${text}`);
}

describe('hv events', () => {
  it('says what it watches, tells of devices that come and go, and ends on Ctrl-C', async () => {
    await using host = await SimulatedHost.start({ devices: [echo({ name: 'first' })] });
    const events = start(['--root', host.root, 'events', '--json', '--only', 'device-added,device-removed']);
    const [sources] = await events.saw(/.*vmbus.event-sources.*/);
    host.add(echo({ name: 'second' }));
    const [added] = await events.saw(/.*"kind":"device-added".*/);
    host.rescind('second');
    await events.saw(/.*"kind":"device-removed".*/);
    events.child.kill('SIGINT');

    assert.equal((JSON.parse(sources) as { sources: { isWatched: boolean }[] }).sources[0]?.isWatched, true);
    assert.equal((JSON.parse(added) as { schema: string }).schema, 'vmbus.event/1');
    assert.equal((await events.ended).status, 130);
  });

  it('knows kinds by name', async () => {
    const { status, stderr } = await run(['events', '--only', 'shutdwn']);
    assert.deepEqual([status, /did you mean shutdown/.test(stderr)], [2, true]);
  });
});

/** A folder with programs in the place of systemd's, and what a command needs to find them first. `busctl` gets the folder. */
function systemd(busctl: (folder: string) => string): { readonly folder: string; readonly env: { PATH: string } } {
  const folder = mkdtempSync(path.join(tmpdir(), 'vmbus-events-'));
  folders.push(folder);
  writeFileSync(path.join(folder, 'busctl'), `#!/bin/sh\n${busctl(folder)}\n`, { mode: 0o755 });
  writeFileSync(path.join(folder, 'systemd-inhibit'), '#!/bin/sh\nexec cat\n', { mode: 0o755 });
  return { folder, env: { PATH: `${folder}:${process.env.PATH}` } };
}

describe('hv on', () => {
  it('runs a command with the event in its environment, and answers with its status', async () => {
    await using host = await SimulatedHost.start({ devices: [echo({ name: 'first' })] });
    const words = ['sh', '-c', 'echo $VMBUS_EVENT $VMBUS_EVENT_CLASS_NAME $VMBUS_ROOT; exit 7'];
    const command = start(['--root', host.root, 'on', 'device-added', '--once', '--', ...words]);
    await noted(command, /waiting for device-added/);
    host.add(echo({ name: 'second' }));
    const { status, stdout } = await command.ended;

    assert.equal(status, 7);
    assert.match(stdout, new RegExp(`^device-added \\S+ ${host.root}\\n$`));
  });

  it('ends a command that takes too long', async () => {
    await using host = await SimulatedHost.start({ devices: [echo({ name: 'first' })] });
    const command = start([
      '--root',
      host.root,
      'on',
      'device-added',
      '--once',
      '--limit',
      '50ms',
      '--',
      'sleep',
      '600',
    ]);
    await noted(command, /waiting for/);
    host.add(echo({ name: 'second' }));

    assert.equal((await command.ended).status, 1);
  });

  it('says plainly where nothing tells of an event', async () => {
    await using host = await SimulatedHost.start({ devices: [echo({ name: 'first' })] });
    const { status, stderr } = await run(['--root', host.root, 'on', 'shutdown', '--', 'true']);

    assert.equal(status, 1);
    assert.match(stderr, /nothing tells of shutdown here: .*not the running system/);
    assert.equal((await run(['on', 'shutdown'])).status, 2);
  });

  it('does not wait for ever once systemd can tell no more', async () => {
    // It listens until somebody writes to the pipe, and is the only one that reads it.
    const { folder, env } = systemd(
      (place) =>
        `case "$*" in *emit*) exit 1;; esac\nmkfifo ${place}/end\necho Monitoring >&2\nread word < ${place}/end`,
    );
    const command = start(['on', 'shutdown', '--', 'true'], { env });
    await noted(command, /waiting for shutdown/);
    writeFileSync(path.join(folder, 'end'), 'now\n');
    const { status, stderr } = await command.ended;

    assert.equal(status, 1);
    assert.match(stderr, /nobody tells any more when this system shuts down.*systemctl status dbus/s);
  });

  it('ends in order at a Ctrl-C that busctl has heard first', async () => {
    const { folder, env } = systemd(
      (place) => `case "$*" in *emit*) exit 1;; esac\necho $$ > ${place}/pid\necho Monitoring >&2\nexec sleep 600`,
    );
    const command = start(['on', 'shutdown', '--', 'true'], { env });
    await noted(command, /waiting for shutdown/);
    const busctl = `/proc/${readFileSync(path.join(folder, 'pid'), 'utf8').trim()}`;
    process.kill(Number(path.basename(busctl)), 'SIGINT');
    while (existsSync(busctl)) await pause(1);
    command.child.kill('SIGINT');
    const { status, stderr } = await command.ended;

    assert.equal(status, 130, stderr);
  });

  it('hears through a busctl that does not say that it listens, as that of systemd 257', async () => {
    const ours = JSON.stringify({ type: 'signal', interface: 'io.vmbus.Lifecycle', member: 'Listening' });
    // What is emitted is printed; a monitor that has read nothing yet has lost it.
    const { folder, env } = systemd(
      (place) => `case "$*" in *emit*) echo '${ours}' > ${place}/bus;; *) exec cat <> ${place}/bus;; esac`,
    );
    const bus = path.join(folder, 'bus');
    spawnSync('mkfifo', [bus]);
    const command = start(['on', 'shutdown', '--once', '--', 'echo', 'drained'], { env });
    await noted(command, /waiting for shutdown/);
    const news = { type: 'signal', member: 'PrepareForShutdown', payload: { type: 'b', data: [true] } };
    writeFileSync(bus, `${JSON.stringify(news)}\n`, { flag: 'r+' }); // does not wait for the other side
    const { status, stdout } = await command.ended;

    assert.deepEqual([status, stdout], [0, 'drained\n']);
  });

  const tools = ['dbus-daemon', 'busctl', 'gdbus'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
  it('holds systemd up at a shutdown until the command has ended', {
    skip: tools.length > 0 && `not installed: ${tools.join(', ')}`,
  }, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'vmbus-events-'));
    folders.push(folder);
    const log = path.join(folder, 'log');
    // In the place of systemd-inhibit: who holds the lock, and when it is let go.
    writeFileSync(
      path.join(folder, 'systemd-inhibit'),
      `#!/bin/sh\necho held >> ${log}\ncat\necho released >> ${log}\n`,
      { mode: 0o755 },
    );
    const daemon = spawn('dbus-daemon', ['--session', '--nofork', '--print-address'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [address] = (await once(createInterface({ input: daemon.stdout }), 'line')) as [string];
      const env = { PATH: `${folder}:${process.env.PATH}`, DBUS_SYSTEM_BUS_ADDRESS: address };
      const command = start(['on', 'shutdown', '--once', '--', 'sh', '-c', `echo $VMBUS_EVENT_SOURCE >> ${log}`], {
        env,
      });
      await noted(command, /waiting for shutdown/);
      const signal = 'org.freedesktop.login1.Manager.PrepareForShutdown';
      const emitted = spawnSync('gdbus', [
        'emit',
        '--address',
        address,
        '--object-path',
        '/org/freedesktop/login1',
        '--signal',
        signal,
        'true',
      ]);
      assert.equal(emitted.status, 0, String(emitted.stderr));
      assert.equal((await command.ended).status, 0);
      while (!readFileSync(log, 'utf8').includes('released')) await new Promise((resolve) => setImmediate(resolve));

      assert.equal(readFileSync(log, 'utf8'), 'held\nsystem\nreleased\n');
    } finally {
      daemon.kill();
    }
  });
});

interface TakenShutdown {
  readonly power: ReturnType<typeof shutdown>;
  readonly command: Running;
  readonly host: SimulatedHost;
}

describe('hv on shutdown --take-over', () => {
  const patient = { timeoutMs: 60_000 };

  /** Takes the device over with a command, until the end of the test. */
  async function taken(shell: string, options: readonly string[], work: (scene: TakenShutdown) => Promise<void>) {
    const power = shutdown();
    await using host = await SimulatedHost.start({ devices: [power] });
    const command = start(['--root', host.root, 'on', 'shutdown', '--take-over', ...options, '--', 'sh', '-c', shell]);
    await noted(command, /waiting for shutdown, in the place of the kernel/);
    await work({ power, command, host });
    assert.equal(host.devices[0]?.isOpen, false);
    assert.equal(openBus({ root: host.root }).device('shutdown').driver, 'hv_utils', 'the device is given back');
  }

  it('asks the command, which sees what is asked, and answers the host with its status', async () => {
    const shell = 'echo "$VMBUS_EVENT $VMBUS_EVENT_WAY $VMBUS_EVENT_IS_FORCED"; test $VMBUS_EVENT_WAY = restart';
    await taken(shell, [], async ({ power, command }) => {
      assert.equal(await power.shutdown(patient), 0x8007_04f7);
      await command.saw(/power-off {2}refused/);
      assert.equal(await power.restart({ force: true, ...patient }), 0);
      await command.saw(/restart {2}accepted {2}\(forced/);
      command.child.kill('SIGINT');
      const { status, stdout } = await command.ended;
      assert.equal(status, 130);
      assert.match(stdout, /^shutdown power-off false$/m);
      assert.match(stdout, /^shutdown restart true$/m);
    });
  });

  it('ends a command that takes too long, which agrees, and switches nothing off that is not its own', async () => {
    await taken('exec sleep 600', ['--limit', '50ms', '--once'], async ({ power, command }) => {
      assert.equal(await power.shutdown(patient), 0);
      const { status, stderr } = await command.ended;
      assert.equal(status, 0);
      assert.match(stderr, /took longer than 0\.05 s/);
      assert.match(stderr, /poweroff is not run: this is not the host of the running system/);
    });
  });

  it('carries on when the host has switched the service off and on', async () => {
    const shell = 'echo asked >&2; exit 1';
    await taken(shell, [], async ({ power, command, host }) => {
      host.rescind('shutdown');
      await noted(command, /switched the service off; waiting until it is on again/);
      const again = shutdown();
      host.add(again);
      // If it ends instead, it says why.
      const early = command.ended.then(({ stderr }) => assert.fail(stderr));
      await Promise.race([again.ready(patient), early]);
      early.catch(() => undefined);
      assert.equal(await again.shutdown(patient), 0x8007_04f7);
      await assert.rejects(power.shutdown(patient));
      command.child.kill('SIGINT');
      const { status, stderr } = await command.ended;
      assert.equal(status, 130);
      assert.match(stderr, /asked/);
    });
  });

  it('refused without a word of why where the command could not be run', async () => {
    const power = shutdown();
    await using host = await SimulatedHost.start({ devices: [power] });
    const command = start(['--root', host.root, 'on', 'shutdown', '--take-over', '--once', '--', '/nowhere/drain']);
    await noted(command, /waiting for shutdown/);
    assert.notEqual(await power.shutdown(patient), 0);
    const { status, stderr } = await command.ended;
    assert.equal(status, 1);
    assert.match(stderr, /cannot run \/nowhere\/drain: there is no such program/);
  });

  it('goes with no other event', async () => {
    const { status, stderr } = await run(['on', 'resume', '--take-over', '--', 'true']);
    assert.deepEqual([status, /shutdown alone/.test(stderr)], [2, true]);
  });
});

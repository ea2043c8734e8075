// SPDX-License-Identifier: MIT
//
// News of systemd's login manager: the system shuts down, or goes to sleep. Two programs of systemd do the talking: `busctl`
// prints the signals, `systemd-inhibit` holds systemd up until what is to be done is done, or InhibitDelayMaxSec is over.
// Called by lifecycle.ts. Source: org.freedesktop.login1(5), systemd-inhibit(1).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

import { VmbusError } from '../../errors.js';

/** What the manager said. */
export type LogindNews = { readonly kind: 'shutdown' } | { readonly kind: 'sleep' };

/** A running watch. */
export interface LogindWatch {
  /** Lets systemd go on; held up again for the next time. */
  release(): void;
  close(): void;
}

const manager = 'org.freedesktop.login1.Manager';
/** A signal of our own: what comes through tells that the others will, too. */
const probe = { path: '/io/vmbus/lifecycle', interface: 'io.vmbus.Lifecycle', member: 'Listening' } as const;
const probeIntervalMs = 250;
/** Between the end of busctl and our own, where both were interrupted. */
const interruptionMs = 1000;
/** An emulated machine needs seconds. */
const listenLimitMs = 60_000;
const members: ReadonlyMap<unknown, LogindNews['kind']> = new Map([
  ['PrepareForShutdown', 'shutdown'],
  ['PrepareForSleep', 'sleep'],
] as const);

/** Who listens. */
export interface LogindListener {
  tell(news: LogindNews): void;
  /** The bus ended, or busctl did: no news will come any more. */
  lost(error: VmbusError): void;
}

/**
 * Begins to listen. Resolves when it does.
 * @throws Error that says why not: no systemd, no bus, not root
 */
export async function watchLogind({ tell, lost }: LogindListener, signal: AbortSignal): Promise<LogindWatch> {
  const matches = [manager, probe.interface].map((name) => `--match=type='signal',interface='${name}'`);
  const monitor = spawn('busctl', ['--system', '--json=short', ...matches, 'monitor'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // From the first line on: what comes together with our own signal counts, too.
  const comesThrough = new Promise<void>((resolve) => {
    createInterface({ input: monitor.stdout }).on('line', (line) => {
      const message = messageIn(line);
      if (message.member === probe.member) resolve();
      const news = newsOf(message);
      if (news !== null) tell(news);
    });
  });
  await listening(monitor, comesThrough, signal);
  let lock = hold();
  let isClosed = false;
  // Ctrl-C in a terminal ends busctl as well, perhaps before it is heard here: then nothing is lost.
  const onEnd = (): void => {
    if (isClosed) return;
    setTimeout(() => {
      if (!isClosed) lost(deaf());
    }, interruptionMs);
  };
  if (monitor.exitCode !== null || monitor.signalCode !== null) onEnd();
  else monitor.once('exit', onEnd);
  const close = (): void => {
    isClosed = true;
    monitor.kill();
    lock.drop();
  };
  // What a script leaves behind must not hold systemd up.
  process.once('exit', close);
  return {
    release: () => {
      lock.drop();
      lock = hold();
    },
    close: () => {
      process.off('exit', close);
      close();
    },
  };
}

/**
 * Resolves when what is said on the bus comes through. Newer versions of busctl (that of systemd 257, say) do not tell when
 * the bus has taken their wish, where they print JSON: signals of ours are sent until one of them comes.
 */
async function listening(monitor: ChildProcess, comesThrough: Promise<void>, signal: AbortSignal): Promise<void> {
  let said = '';
  const isOver = new AbortController();
  const listens = new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => {
      monitor.kill();
      reject(new Error(why));
    };
    monitor.once('error', (error: NodeJS.ErrnoException) =>
      fail(error.code === 'ENOENT' ? 'there is no systemd (no busctl)' : error.message),
    );
    monitor.once('exit', () => fail(said.trim().split('\n')[0] || 'busctl ended'));
    monitor.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, 2000);
      if (said.includes('Monitoring')) resolve();
    });
    void comesThrough.then(resolve);
    signal.addEventListener('abort', () => fail('ended'), { once: true });
    pause(listenLimitMs, undefined, { signal: isOver.signal, ref: false }).then(
      () => fail('busctl prints nothing of what is said on the bus'),
      () => undefined,
    );
  });
  void sendProbes(isOver.signal);
  try {
    await listens;
  } finally {
    isOver.abort();
  }
}

/** Until told to stop. A bus that takes none has other ways to say that it is there. */
async function sendProbes(stop: AbortSignal): Promise<void> {
  const words = ['--system', 'emit', probe.path, probe.interface, probe.member];
  while (!stop.aborted) {
    const emitting = spawn('busctl', words, { stdio: 'ignore' });
    await once(emitting, 'exit').catch(() => undefined);
    await pause(probeIntervalMs, undefined, { signal: stop, ref: false }).catch(() => undefined);
  }
}

function deaf(): VmbusError {
  return new VmbusError(
    'ERR_VMBUS_SYSTEM',
    'busctl ended: nobody tells any more when this system shuts down or sleeps',
    {
      hint: 'see whether the bus is there: systemctl status dbus systemd-logind',
    },
  );
}

/** The lock lives as long as the program that it runs; that one ends with its standard input, and so with us. */
function hold(): { drop(): void } {
  const words = ['--what=shutdown:sleep', '--mode=delay', '--who=hv', '--why=a script gets ready', 'cat'];
  const child = spawn('systemd-inhibit', words, { stdio: ['pipe', 'ignore', 'ignore'] });
  // Without it the news come all the same, with less time to act.
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  return { drop: () => child.stdin.destroy() };
}

/** News in a line of busctl; null for anything else, and for the end of a sleep, which clocks tell better. */
export function newsIn(line: string): LogindNews | null {
  return newsOf(messageIn(line));
}

function newsOf({ member, payload }: BusMessage): LogindNews | null {
  const kind = members.get(member);
  return kind !== undefined && payload?.data?.[0] === true ? { kind } : null;
}

interface BusMessage {
  readonly member?: unknown;
  readonly payload?: { readonly data?: readonly unknown[] } | null;
}

/** Empty for a line that is none. */
function messageIn(line: string): BusMessage {
  try {
    return (JSON.parse(line) as BusMessage | null) ?? {};
  } catch {
    return {};
  }
}

// SPDX-License-Identifier: MIT
//
// `hv on shutdown --take-over`: the shutdown device in the kernel's place. The command runs before the host has its answer, and its
// status is the answer; then this system is shut down as the kernel's driver would.
// Called by commands/on.ts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bus, Device, ShutdownAsk, ShutdownEvent } from '../../index.js';
import { runChild } from '../child.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { harmless } from '../harmless.js';
import { eventEnvironment } from './event-text.js';

/** How requests are answered. */
export interface TakeOverOptions {
  readonly limitMs: number;
  /** Ends after the first request. */
  readonly once: boolean;
}

/** ERROR_MACHINE_LOCKED: hosts say that the machine can't be shut down now, but by force. */
const refusal = 0x8007_04f7;
/** Between the end of the command's time and the answer: it is given a moment to end by itself. */
const graceMs = 6000;
/** Between an offer and the end of a driver's probe. */
const settleMs = 500;

/** Serves the device until Ctrl-C, however often the host switches it off and on, and gives it back. */
export async function takeOver(context: Context, options: TakeOverOptions): Promise<number> {
  const { out, signal } = context;
  const bus = await context.bus();
  let device = bus.device('shutdown');
  for (;;) {
    const end = await serve(context, device, options);
    if (end !== 'withdrawn') return end;
    out.note('the host has switched the service off; waiting until it is on again');
    const offered = await offeredAgain(bus, signal);
    if (offered === null) return ExitCode.ok;
    device = offered;
  }
}

/** The exit code, or that the host has withdrawn the device. */
async function serve(context: Context, device: Device, options: TakeOverOptions): Promise<number | 'withdrawn'> {
  const { out, signal } = context;
  const { limitMs, once: isOnce } = options;
  const { bindDevice, openShutdown, VmbusError } = await import('../../index.js');
  const bus = await context.bus();
  const binding = await bindDevice(device, { signal });
  context.defer(() => binding.restore());
  const service = await openShutdown(bus.device(device.id), {
    signal,
    limitMs: limitMs + graceMs,
    onRequest: async (ask) => {
      const { status, timedOut } = await runChild(context, { env: { ...wordsOf(ask), VMBUS_ROOT: bus.root }, limitMs });
      if (timedOut) out.note(`the command was ended: it took longer than ${limitMs / 1000} s (--limit)`);
      return status === 0 || timedOut ? undefined : { refuse: refusal };
    },
    onAccepted: (ask) => goDown(context, ask, bus.kind === 'guest' && bus.root === '/'),
  });
  context.defer(() => service.close());
  if (out.json) out.record('vmbus.shutdown-service/1', { device: device.id });
  out.note('waiting for shutdown, in the place of the kernel; Ctrl-C gives the device back');
  try {
    for await (const event of service.events({ signal })) {
      print(event, context);
      if (isOnce) return event.answer === 'accepted' ? ExitCode.ok : ExitCode.failed;
    }
    return ExitCode.ok;
  } catch (error) {
    if (!VmbusError.is(error) || error.code !== 'ERR_VMBUS_RESCINDED') throw error;
    await service.close();
    await binding.restore();
    return 'withdrawn';
  }
}

/**
 * The device, when there is one again and the kernel has had the time to give it to its own driver; null once interrupted. Looked
 * for, not watched for: it comes back under the same name, and who saw the old one until then would be told of no change.
 */
async function offeredAgain(bus: Bus, signal: AbortSignal): Promise<Device | null> {
  for (let seen = false; ; ) {
    await pause(settleMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return null;
    const device = bus.devices().find((one) => one.class.name === 'shutdown');
    if (device !== undefined && seen) return device;
    seen = device !== undefined;
  }
}

/** What the command finds in its environment. */
function wordsOf({ way, ...facts }: ShutdownAsk): Readonly<Record<string, string>> {
  const event = { kind: 'shutdown', time: new Date(), source: 'host', way, isRefused: false } as const;
  const { VMBUS_EVENT_IS_REFUSED: _later, ...words } = eventEnvironment(event);
  return {
    ...words,
    VMBUS_EVENT_IS_FORCED: String(facts.isForced),
    VMBUS_EVENT_REASON: String(facts.reason),
    VMBUS_EVENT_TIMEOUT_SECONDS: String(facts.timeoutSeconds),
    VMBUS_EVENT_TEXT: facts.text.replaceAll('\0', ''),
  };
}

/** What the kernel's driver runs. Never for the sake of a host that is not this system's. */
async function goDown({ out }: Context, { way }: ShutdownAsk, isThisSystem: boolean): Promise<void> {
  const program = way === 'restart' ? '/sbin/reboot' : '/sbin/poweroff';
  if (!isThisSystem) {
    out.note(`${program} is not run: this is not the host of the running system`);
    return;
  }
  const child = spawn(program, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`${program} ended with ${status ?? 'a signal'}: this system was not shut down`);
}

function print({ ask, answer, statusName, isOverdue, error }: ShutdownEvent, { out }: Context): void {
  const { way, isForced, text } = ask;
  const reason = error === undefined ? null : error instanceof Error ? error.message : String(error);
  if (out.json) out.record('vmbus.shutdown/1', { ...ask, answer, status: statusName, isOverdue, reason });
  else {
    if (reason !== null) out.note(`refused, for the command failed: ${harmless(reason)}`);
    const facts = [isForced ? 'forced' : '', text === '' ? '' : harmless(text)].filter(Boolean).join(': ');
    out.line(`${out.paint.bold(way)}  ${answer}${facts === '' ? '' : `  (${facts})`}`);
  }
}

// SPDX-License-Identifier: MIT
//
// `hv fcopy serve`: receives files until Ctrl-C, or one with --once.

import type { FileCopy, Inbox, InboxEvent } from '../../index.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { Hook, type HookEnd } from './hook.js';
import { type CommonRules, foldersOf } from './options.js';
import { Report } from './report.js';

interface ServeOptions extends CommonRules {
  readonly into: readonly string[];
  readonly fsync?: boolean;
  readonly onFile?: readonly string[];
  readonly hookTimeout: number;
  readonly once?: boolean;
  readonly wait?: boolean;
}

/** Runs `hv fcopy serve`. */
export async function serve(context: Context, options: ServeOptions): Promise<number> {
  const { signal, out } = context;
  const { openFileCopy, openInbox } = await import('../../index.js');
  const { into, fsync = false, wait = false, onFile, hookTimeout, ...rules } = options;
  const folders = foldersOf(into, rules);
  const inbox = await openInbox({ folders, fsync });
  const root = await context.root();
  // The simulated host of --sim has a bus, and nothing to send.
  const report = new Report(out);
  if (wait) out.note('waiting for the host to offer the service, if it does not; Ctrl-C ends it');
  const copies = await openFileCopy({ root, wait, onState: (state) => report.state(state) });
  context.defer(() => copies.close());
  report.listening(copies.transport, folders);
  let status: number = ExitCode.ok;
  const hook =
    onFile &&
    new Hook({
      words: onFile,
      timeoutMs: hookTimeout,
      signal,
      onEnd: (end) => {
        report.hook(end);
        if (isTrouble(end)) status = ExitCode.failed;
      },
    });
  const ended = await receive(copies, inbox, {
    report,
    signal,
    once: options.once ?? false,
    onReceived: (event) => hook?.run(event),
  });
  await hook?.idle();
  if (ended === 'failed') status = ExitCode.failed;
  // How a server ended that was to run until Ctrl-C is told by that; failures on the way were told when they came.
  return options.once ? status : ExitCode.ok;
}

interface Receiving {
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly once: boolean;
  readonly onReceived: (event: InboxEvent & { readonly kind: 'received' }) => void;
}

/** Receives until the end; what became of the last file. */
async function receive(
  copies: FileCopy,
  inbox: Inbox,
  { report, signal, once, onReceived }: Receiving,
): Promise<'received' | 'failed' | null> {
  const { receiveFiles } = await import('../../index.js');
  let last: 'received' | 'failed' | null = null;
  const stop = (): void => void copies.close();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    await receiveFiles(copies, inbox, {
      onProgress: (progress) => report.progress(progress),
      onEvent: (event) => {
        report.event(event);
        if (event.kind === 'started') return;
        last = event.kind;
        if (event.kind === 'received') onReceived(event);
        // Not before the host has its answer.
        if (once) setImmediate(stop);
      },
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
  await copies.closed;
  return last;
}

function isTrouble({ status }: HookEnd): boolean {
  return status !== 0;
}

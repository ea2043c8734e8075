// SPDX-License-Identifier: MIT
//
// `hv vss serve`.

import type { BackupEvent } from '../../index.js';
import type { Context } from '../context.js';
import { printEvent, type StepOptions, settingsOf } from './settings.js';

interface ServeOptions extends StepOptions {
  readonly ownForeign?: boolean;
  readonly wait?: boolean;
}

/** Runs `hv vss serve`. */
export async function serve(context: Context, options: ServeOptions): Promise<void> {
  const { out, signal } = context;
  const { serveBackup } = await import('../../index.js');
  const service = await serveBackup({
    ...(await settingsOf(context, options)),
    signal,
    wait: options.wait ?? false,
    ownForeign: options.ownForeign ?? false,
    onEvent: (event: BackupEvent) => printEvent(event, out),
  });
  context.defer(() => service.close());
  out.note('serving backups; Ctrl-C ends it');
  const { by, error } = await service.closed;
  if (error !== undefined && by !== 'abort') throw error;
}

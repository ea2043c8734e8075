// SPDX-License-Identifier: MIT
//
// What `hv fcopy serve` tells: a line for each file, or a JSON record; on a terminal also how far the one on its way is.
// Names are the host's: nothing in them reaches the terminal as it is.

import type { FileCopyTransport, InboxEvent, InboxFolder, InboxProgress } from '../../index.js';
import { LiveLines } from '../draw/live-line.js';
import { bytes } from '../figures.js';
import { harmless } from '../harmless.js';
import type { Output } from '../output.js';
import type { HookEnd } from './hook.js';

const schema = 'vmbus.fcopy.event/1';

/** Prints what happens. */
export class Report {
  readonly #out: Output;
  readonly #live: LiveLines;
  #isListening = false;

  constructor(out: Output) {
    this.#out = out;
    this.#live = new LiveLines(out);
  }

  listening(transport: FileCopyTransport, folders: readonly InboxFolder[]): void {
    this.#isListening = true;
    const way = transport === 'device' ? '/dev/vmbus/hv_fcopy' : "the device's channel";
    if (this.#out.json) {
      this.#record('listening', { transport, folders: folders.map(({ path }) => path) });
      return;
    }
    this.#out.note(
      `files of the host may go to ${folders.map(({ path }) => path).join(', ')}, over ${way}; Ctrl-C ends it`,
    );
  }

  state(state: string): void {
    if (!this.#isListening || (state !== 'absent' && state !== 'ready')) return;
    if (this.#out.json) {
      this.#record('state', { state });
      return;
    }
    this.#live.clear();
    this.#out.note(state === 'absent' ? 'the host has switched file copy off; waiting' : 'the host has file copy on');
  }

  progress({ path, receivedBytes, sizeBytes }: InboxProgress): void {
    if (this.#out.json) return;
    const percent = sizeBytes === 0 ? 100 : Math.floor((100 * receivedBytes) / sizeBytes);
    this.#live.update(() => [
      `${String(percent).padStart(3)} %  ${bytes(receivedBytes)} of ${bytes(sizeBytes)}  ${harmless(path)}`,
    ]);
  }

  event(event: InboxEvent): void {
    if (this.#out.json) {
      this.#record(event.kind, jsonOf(event));
      return;
    }
    const { paint } = this.#out;
    this.#live.clear();
    if (event.kind === 'received') {
      const seconds = (event.durationMs / 1000).toFixed(1);
      const what = `${bytes(event.sizeBytes)} in ${seconds} s  ${paint.dim(`sha256 ${event.sha256}`)}`;
      this.#out.line(`${clock(paint.dim)} ${paint.good('+')} ${paint.bold(harmless(event.path))}  ${what}`);
    }
    if (event.kind === 'failed') {
      const name = event.path ?? `${event.asked.path.replace(/\/*$/, '/')}${event.asked.name}`;
      this.#out.line(
        `${clock(paint.dim)} ${paint.bad('!')} ${paint.bold(harmless(name))}  ${harmless(event.error.message)}`,
      );
      const hint = (event.error as { hint?: unknown }).hint;
      if (typeof hint === 'string') this.#out.note(harmless(hint));
    }
  }

  hook({ path, status, trouble, output }: HookEnd): void {
    if (this.#out.json) {
      this.#record('hook', { path, status, trouble, output });
      return;
    }
    this.#live.clear();
    const { paint } = this.#out;
    const isGood = status === 0;
    const how = trouble ?? `status ${String(status)}`;
    if (!isGood)
      this.#out.line(`${clock(paint.dim)} ${paint.bad('!')} ${harmless(path)}  the command failed: ${harmless(how)}`);
    for (const line of output.split('\n').filter((text) => text !== '')) this.#out.line(`  ${harmless(line)}`);
  }

  #record(kind: string, fields: Readonly<Record<string, unknown>>): void {
    this.#out.record(schema, { time: new Date().toISOString(), kind, ...fields });
  }
}

function jsonOf(event: InboxEvent): Record<string, unknown> {
  const { kind: _, ...fields } = event;
  if (event.kind !== 'failed') return fields;
  const { error } = event;
  return { ...fields, error: 'toJSON' in error ? error : { message: error.message } };
}

function clock(dim: (text: string) => string): string {
  return dim(new Date().toTimeString().slice(0, 8));
}

// SPDX-License-Identifier: MIT
//
// The control messages about shared memory, and their answers. A guest waits for each of these answers without end.
// Called by: control-path.ts. Calls: gpadl-table.ts.

import * as reply from '../../protocol/control/host-messages.js';
import type { GpadlBody, GpadlHeader } from '../../protocol/control/types.js';
import { type Gpadl, type GpadlStep, GpadlTable } from './gpadl-table.js';
import type { OfferedChannel } from './types.js';

/** What OpenVMM answers to a GPADL that makes no sense. */
const badGpadl = 0x8000_ffff;

/** What sharing needs of the control path. */
export interface SharingHooks {
  post(message: Uint8Array): void;
  nonsense(what: string): void;
}

/** Memory that the guest of one connection shares. */
export class MemorySharing {
  readonly #isMemory: (page: number) => boolean;
  readonly #hooks: SharingHooks;
  #gpadls: GpadlTable;

  /** @param isMemory Whether the guest has memory at a page number. */
  constructor(isMemory: (page: number) => boolean, hooks: SharingHooks) {
    this.#isMemory = isMemory;
    this.#hooks = hooks;
    this.#gpadls = new GpadlTable(isMemory);
  }

  find(handle: number): Gpadl | null {
    return this.#gpadls.find(handle);
  }

  begin(header: GpadlHeader, channel: OfferedChannel | null): void {
    const { relid, gpadl } = header;
    if (!channel) {
      this.#hooks.nonsense(`GPADL for channel ${relid}, which was never offered`);
      this.#hooks.post(reply.encodeGpadlCreated(relid, gpadl, badGpadl));
    } else if (channel.isRescinded) {
      // Sent before the guest knew: it waits for an answer, and will tear nothing down.
      this.#hooks.post(reply.encodeGpadlCreated(relid, gpadl, 0));
    } else {
      this.#answer(this.#gpadls.begin(header));
    }
  }

  go(body: GpadlBody): void {
    const step = this.#gpadls.go(body);
    // Of a withdrawn channel, or nonsense: there is nobody to answer.
    if (step !== null) this.#answer(step);
  }

  tearDown(relid: number, handle: number): void {
    if (this.#gpadls.find(handle)?.relid === relid) this.#gpadls.remove(handle);
    else this.#hooks.nonsense(`teardown of GPADL ${handle.toString(16)}, which channel ${relid} does not have`);
    this.#hooks.post(reply.encodeGpadlTorndown(handle));
  }

  removeOf(relid: number): void {
    this.#gpadls.removeOf(relid);
  }

  /** The connection is over. */
  forget(): void {
    this.#gpadls = new GpadlTable(this.#isMemory);
  }

  #answer(step: GpadlStep): void {
    if (step.state === 'more') return;
    if (step.state === 'complete') {
      this.#hooks.post(reply.encodeGpadlCreated(step.gpadl.relid, step.gpadl.handle, 0));
      return;
    }
    this.#hooks.nonsense(`GPADL ${step.handle.toString(16)} of channel ${step.relid}: ${step.reason}`);
    this.#hooks.post(reply.encodeGpadlCreated(step.relid, step.handle, badGpadl));
  }
}

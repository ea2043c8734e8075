// SPDX-License-Identifier: MIT
//
// The two steps before a host talks to a guest about memory: agree on a version, tell capabilities.
// Answers are taken only while one is awaited; everything else is left to the caller, who ignores it.
// Called by memory.ts. Source: balloon_connect_vsp() of drivers/hv/hv_balloon.c of the Linux kernel.

import { VmbusError } from '../../errors.js';
import type {
  CapabilitiesResponse,
  MemoryCapabilities,
  MemoryGuestMessage,
  VersionResponse,
} from '../../protocol/dynamic-memory.js';
import { MemoryVersion } from '../../protocol/dynamic-memory.js';

type Answer = VersionResponse | CapabilitiesResponse;

/** How the greeting reaches the host. */
export interface GreetingWire {
  send(message: MemoryGuestMessage): Promise<void>;
  nextId(): number;
}

/** What was agreed. */
export interface Agreement {
  readonly version: number;
  readonly host: CapabilitiesResponse;
}

interface Awaited {
  readonly kind: Answer['kind'];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

const versions = [MemoryVersion.win10, MemoryVersion.win8_1, MemoryVersion.win8] as const;

/** One greeting. */
export class Greeting {
  readonly #wire: GreetingWire;
  readonly #stepTimeoutMs: number;
  #awaited: Awaited | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(wire: GreetingWire, stepTimeoutMs: number) {
    this.#wire = wire;
    this.#stepTimeoutMs = stepTimeoutMs;
  }

  /** Takes an answer of the host; false when none of its kind is due. */
  take(answer: Answer): boolean {
    const awaited = this.#awaited;
    if (awaited?.kind !== answer.kind) return false;
    this.#awaited = null;
    awaited.resolve(answer);
    return true;
  }

  /** The channel ended, or the script wants no more. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#awaited?.reject(error);
    this.#awaited = null;
  }

  /** @throws VmbusError ERR_VMBUS_TIMEOUT, ERR_VMBUS_UNSUPPORTED; what {@link fail} was given */
  async run(capabilities: MemoryCapabilities): Promise<Agreement> {
    const version = await this.#step('version', () => this.#agreeOnVersion());
    const host = await this.#step('capabilities', () => this.#tellCapabilities(capabilities));
    return { version, host };
  }

  async #agreeOnVersion(): Promise<number> {
    for (const version of versions) {
      const isLastAttempt = version === versions.at(-1);
      const answer = await this.#ask('versionResponse', {
        kind: 'versionRequest',
        transactionId: this.#wire.nextId(),
        version,
        isLastAttempt,
      });
      if (answer.isAccepted) return version;
    }
    throw new VmbusError(
      'ERR_VMBUS_UNSUPPORTED',
      'dynamic memory: the host accepts none of the versions 2.0, 1.0 and 0.3',
      {
        facts: { feature: 'dynamic-memory', versions: versions.map(memoryVersionName) },
      },
    );
  }

  async #tellCapabilities(capabilities: MemoryCapabilities): Promise<CapabilitiesResponse> {
    const answer = await this.#ask('capabilitiesResponse', {
      kind: 'capabilitiesReport',
      transactionId: this.#wire.nextId(),
      capabilities,
      minPageCount: 0n,
      maxPageNumber: 0xffff_ffff_ffff_ffffn,
    });
    if (answer.kind === 'capabilitiesResponse' && answer.isAccepted) return answer;
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', 'dynamic memory: the host refuses the capabilities of this guest', {
      facts: { feature: 'dynamic-memory', capabilities },
    });
  }

  /** One step with its time limit, which covers all of its attempts. */
  async #step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.fail(
        new VmbusError(
          'ERR_VMBUS_TIMEOUT',
          `dynamic memory: the host did not answer the ${name} message in ${this.#stepTimeoutMs} ms`,
          {
            hint: 'hv doctor --only balloon',
            facts: { operation: `dynamic memory ${name}`, timeoutMs: this.#stepTimeoutMs },
          },
        ),
      );
    }, this.#stepTimeoutMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(kind: Answer['kind'], message: MemoryGuestMessage): Promise<Answer> {
    if (this.#failure) throw this.#failure.error;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#awaited = { kind, resolve, reject };
    });
    // The answer may fail while the request still waits for space; both ends of that race are awaited here.
    const [received] = await Promise.all([answer, this.#wire.send(message)]);
    return received;
  }
}

/** `2.0` for 0x20000. */
export function memoryVersionName(version: number): string {
  return `${version >>> 16}.${version & 0xffff}`;
}

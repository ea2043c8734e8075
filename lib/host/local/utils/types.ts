// SPDX-License-Identifier: MIT
//
// What the services of the simulated kernel's hv_utils differ in. Nothing runs here.
// Used by: utils-driver.ts, kvp-bridge.ts, vss-bridge.ts.

import type { IcReply, IcVersion } from '../../../protocol/ic.js';

/** A request of the host that an opener of the device answers. */
export interface BridgedRequest {
  /** Message for the opener. */
  readonly message: Uint8Array;
  /** How long the kernel waits for its answer. */
  readonly timeoutMs: number;
  /** What the opener's answer means for the host. @throws VmbusError, RangeError for one that can't be passed on */
  reply(answer: Uint8Array): IcReply;
}

/** One service. */
export interface Bridge {
  /** Name of its node below dev/vmbus. */
  readonly node: string;
  /** Type of its messages, see `IcType`. */
  readonly type: number;
  readonly frameworks: readonly IcVersion[];
  readonly versions: readonly IcVersion[];
  /** Without an opener: versions are not even agreed on, and requests stay in the ring; else requests fail. */
  readonly waitsForOpener: boolean;
  /** What a first message is answered; null: it registers nobody. */
  register(message: Uint8Array): Uint8Array | null;
  /** What becomes of a request: for the opener, or answered by the kernel. @throws VmbusError ERR_VMBUS_PROTOCOL */
  request(body: Uint8Array, version: IcVersion): BridgedRequest | IcReply;
}

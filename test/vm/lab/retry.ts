// SPDX-License-Identifier: MIT
// When a machine is started again: after a snapshot that did not work out, and once after the emulated processor failed.
// A panic of the guest itself is never tried again.
// Called by lab.ts, which brings the attempts.
import type { Failed, GuestResult, SnapshotUse } from './attempt.js';

export interface RetryOptions {
  /** One start of the machine. */
  readonly attempt: (snapshot: SnapshotUse) => Promise<GuestResult | Failed>;
  /** Where the snapshot is, or may be left; undefined for none. */
  readonly snapshot: { readonly file: string; readonly isThere: boolean; readonly remove: () => void } | undefined;
  readonly isAborted: () => boolean;
  /** Told before each further attempt: what was printed so far is void. */
  readonly onRetry: (why: string) => void;
}

const reasonOf = ({ failure, emulationFault }: Failed): string => emulationFault ?? failure.message;

/**
 * Starts the machine until there is a result, or no sense in starting it again.
 * @throws LabFailure of the last attempt
 */
export async function withRetries({ attempt, snapshot, isAborted, onRetry }: RetryOptions): Promise<GuestResult> {
  if (snapshot?.isThere) {
    const result = await attempt({ restore: snapshot.file });
    if (!('failure' in result)) return result;
    if (isAborted() || (result.began && result.emulationFault === undefined)) throw result.failure;
    onRetry(reasonOf(result));
    snapshot.remove();
  }
  for (let isRetry = false; ; isRetry = true) {
    const result = await attempt(snapshot === undefined ? {} : { save: snapshot.file });
    if (!('failure' in result)) return result;
    if (isRetry || isAborted() || result.emulationFault === undefined) throw result.failure;
    onRetry(reasonOf(result));
  }
}

// SPDX-License-Identifier: MIT
//
// What a script sees of file copy: files that a host announces, and where they go. Nothing runs here.

import type { CloseReason } from '../../channel/types.js';
import type { ServiceState } from '../service-device/types.js';

/**
 * Where the bytes of a file go. What is thrown here ends the file: the host is told that it failed, with the status that
 * `facts.status` names (a name of IcStatus, such as `diskFull`), and the file is discarded.
 */
export interface FileCopySink {
  /** One piece, the next one in order, of at most 6144 bytes; the next comes when this one is done. */
  write(data: Uint8Array, offset: number): void | Promise<void>;
  /** Every byte has come. The host is told so when this is done. */
  complete(): void | Promise<void>;
  /** The file will not be completed: the host gave it up, was switched off, broke the rules; or `write` or `complete` failed. */
  discard(reason: Error): void | Promise<void>;
}

/** A file that the host wants to send. Its names are the host's: mistrust them. */
export interface IncomingFile {
  /** Its name, unchecked: it may hold slashes, line ends, anything but NUL. */
  readonly name: string;
  /** Its folder as the host names it, unchecked; may be empty. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Whether the host wants a file of that name replaced. */
  readonly overwrite: boolean;
  /** Whether the host wants missing folders made. */
  readonly createPath: boolean;
  /** Bytes that have arrived so far. */
  readonly receivedBytes: number;
  /** Aborted when the file will not be completed, with the error that says why. */
  readonly signal: AbortSignal;
  /**
   * Takes the file. Resolves with its size when it is complete and the host is about to be told. Too late, the sink is discarded.
   * @throws VmbusError ERR_VMBUS_TIMEOUT (decided, written or completed too late), _CLOSED (given up by the host, or decided
   * before), _RESCINDED (switched off), _PROTOCOL; what the sink throws
   */
  accept(sink: FileCopySink): Promise<number>;
  /**
   * Turns the file down. Of an error the host is told what its `facts.status` names, else `failed`.
   * Answers false where it was decided already.
   */
  reject(reason: string | Error): boolean;
}

/** How the host's files come: over /dev/vmbus/hv_fcopy, or over the device's own channel. */
export type FileCopyTransport = 'device' | 'channel';

/** Options of {@link openFileCopy}. */
export interface FileCopyOptions {
  /** Folder that holds `sys/` and `dev/`. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  /** Ends the service. */
  readonly signal?: AbortSignal;
  /** Wait for a service that is not there yet. Default false. */
  readonly wait?: boolean;
  /**
   * How long a decision, a write or a completion may take before the host is told that it failed. Default 25 s: kernels with
   * a driver of their own tell it after 30 s anyway.
   */
  readonly answerMs?: number;
  /** Told of each state but the first. `absent`: the host has switched the service off; it is waited for. */
  readonly onState?: (state: ServiceState) => void;
}

/** The file copy service, held. Yields each file that the host announces; one at a time, as hosts send them. */
export interface FileCopy extends AsyncIterable<IncomingFile>, AsyncDisposable {
  readonly transport: FileCopyTransport;
  readonly state: ServiceState;
  /** Resolves when the service has ended, whoever ended it, and nothing is held any more. Never rejects. */
  readonly closed: Promise<CloseReason>;
  /** Ends it; a file that is on its way is discarded. Safe to call twice. */
  close(): Promise<void>;
}

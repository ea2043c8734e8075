// SPDX-License-Identifier: MIT
//
// A mistake on the command line: exit status 2, and a hint that shows the right way.

/** Thrown by commands for arguments that make no sense. */
export class UsageError extends Error {
  readonly code = 'ERR_HV_USAGE';
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
}

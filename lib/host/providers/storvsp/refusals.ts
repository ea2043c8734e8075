// SPDX-License-Identifier: MIT
//
// The two ways to refuse a SCSI request: by the unit with sense data, and by the controller with a status of the SRB.
// Thrown by: unit.ts and what it calls. Caught by: execute.ts.

import type { Sense } from '../../../protocol/scsi/sense.js';

/** The unit says why not. */
export class CheckCondition extends Error {
  readonly sense: Sense;

  constructor(sense: Sense, cause?: unknown) {
    super(`check condition ${sense.key}/${sense.asc}/${sense.ascq}`, cause === undefined ? undefined : { cause });
    this.sense = sense;
  }
}

/** The request does not reach a unit, or its data don't fit it. */
export class SrbRefusal extends Error {
  readonly srbStatus: number;

  constructor(srbStatus: number) {
    super(`SRB status ${srbStatus}`);
    this.srbStatus = srbStatus;
  }
}

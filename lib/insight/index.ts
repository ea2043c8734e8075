// SPDX-License-Identifier: MIT
//
// Exports of insight: what machine this is, what is wrong with it, and a picture of it to take away.

export { doctor, doctorChecks } from './doctor/doctor.js';
export type * from './doctor/types.js';
export { hostInfo } from './host.js';
export type * from './host-types.js';
export { detect } from './info.js';
export { captureSnapshot, type SnapshotOptions, type SnapshotResult } from './snapshot.js';
export { timeReport } from './time/report.js';
export type * from './time/types.js';
export type * from './types.js';

// SPDX-License-Identifier: MIT
//
// Exports of insight: what machine this is, what is wrong with it, and a picture of it to take away.

export { detect } from './info.js';
export type * from './types.js';

// SPDX-License-Identifier: MIT
//
// Freezes the file system named on its command line, says so, and waits to be killed.

import { Freezer } from '../../dist/services/backup/freezer.js';

const [point = '', device = ''] = process.argv.slice(2);
const freezer = await Freezer.open([{ point, device }], { deadlineMs: 60_000 });
await freezer.freeze();
process.stdout.write(`frozen by ${freezer.pid}\n`);
setInterval(() => undefined, 60_000);

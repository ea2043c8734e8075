// SPDX-License-Identifier: MIT
//
// Folders for a test file, which go when its tests end.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

const made: string[] = [];
after(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A fresh folder. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vmbus-test-'));
  made.push(folder);
  return folder;
}

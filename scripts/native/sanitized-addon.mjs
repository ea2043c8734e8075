// SPDX-License-Identifier: MIT
//
// The addon's own tests under the sanitizers: where scripts/test-sanitize.mjs gets them from.
// Each entry is `{ name, build: () => Promise<file>, run: (file) => Promise }`, as the other tests of that script.
// Called by: test-sanitize.mjs.

/**
 * @param {{ root: string, report: import('./run.mjs').Report, compiler: object }} _context `compiler.runtime(name)` is the
 *   path of a sanitizer's shared library, for LD_PRELOAD
 * @returns {{ name: string, build: () => Promise<string>, run: (file: string) => Promise<unknown> }[]}
 */
export function sanitizedAddonTests(_context) {
  return [];
}

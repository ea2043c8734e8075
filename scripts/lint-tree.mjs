// SPDX-License-Identifier: MIT
//
// Rules that no stock linter has: which folder of native/ may include which, and how long a file may be.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const aloneBut = (...taken) => [
  new RegExp(
    `"(\\.\\./)?(${['core', 'os', 'binding', 'freezer', 'keeper', 'program'].filter((folder) => !taken.includes(folder)).join('|')})/`,
  ),
  /<(napi|uv|node_api)\.h>/,
  /<(string|vector|map|memory|iostream|functional)>/,
];

/** What each folder of native/ must not include. core ← os ← binding; the programs stand alone. */
const forbidden = {
  core: [/"(\.\.\/)?(os|binding)\//, /<(napi|uv|node_api)\.h>/, /<(sys\/|unistd|fcntl|linux\/)/],
  os: [/"(\.\.\/)?binding\//, /<(napi|uv|node_api)\.h>/],
  binding: [],
  // Programs of their own, and what is compiled into each: nothing of the library, nothing that allocates.
  freezer: aloneBut('program'),
  keeper: aloneBut('program'),
  program: aloneBut(),
};

/** Longest file by folder and ending, in lines. */
const ceilings = [
  { folder: 'lib', ending: '.ts', lines: 300 },
  { folder: 'native', ending: '.cc', lines: 400 },
  { folder: 'native', ending: '.h', lines: 400 },
  { folder: 'scripts', ending: '.mjs', lines: 300 },
  { folder: 'test', ending: '.ts', lines: 400 },
];

function files(root, folder, ending) {
  return readdirSync(path.join(root, folder), { recursive: true })
    .filter((f) => f.endsWith(ending))
    .map((f) => path.join(folder, f));
}

/** Include lines that go against the direction, as `file:line: text`. */
export function checkNativeIncludes(root) {
  const problems = [];
  for (const [layer, rules] of Object.entries(forbidden)) {
    for (const file of [...files(root, `native/${layer}`, '.cc'), ...files(root, `native/${layer}`, '.h')]) {
      const lines = readFileSync(path.join(root, file), 'utf8').split('\n');
      lines.forEach((line, i) => {
        if (line.startsWith('#include') && rules.some((r) => r.test(line)))
          problems.push(`${file}:${i + 1}: ${layer} must not have ${line}`);
      });
    }
  }
  return problems;
}

/** Lines of C++ beyond 100 columns, which .clang-format would have broken. */
export function checkColumns(root) {
  const sources = ['.cc', '.h'].flatMap((ending) => files(root, 'native', ending));
  return sources.flatMap((file) =>
    readFileSync(path.join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, i) =>
        line.length > 100 && !line.includes('NOLINT') ? [`${file}:${i + 1}: ${line.length} columns`] : [],
      ),
  );
}

/** Files over the ceiling, as sentences. */
export function checkSizes(root) {
  return ceilings.flatMap(({ folder, ending, lines }) =>
    files(root, folder, ending).flatMap((file) => {
      const length = readFileSync(path.join(root, file), 'utf8').split('\n').length - 1;
      return length > lines ? [`${file}: ${length} lines, at most ${lines}`] : [];
    }),
  );
}

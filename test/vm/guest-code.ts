// SPDX-License-Identifier: MIT
// Bundles the compiled project and its suites for the guest: there a module costs its file, not its size. An emulated
// processor needs 30 ms for each file that Node imports, and the library has 140 of them.
// Called by suite-runner.ts.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { IncludedPath } from './lab/job.js';

/** What is started, imported or given to a worker by its path. */
const ENTRIES = [
  'dist/index.js',
  'dist/bus/index.js',
  'dist/bus/binding/rollback-main.js',
  'dist/cli/main.js',
  'dist-test/vm/outcome-reporter.js',
  'dist-test/vm/suites/support/channel-worker.js',
];
const SUITES = 'dist-test/vm/suites';

/** Code that asks where it is gets the place of its own file, not of the bundle it ended up in. */
const placesOf = (root: string, there: string): Plugin => ({
  name: 'places',
  setup(bundling) {
    bundling.onLoad({ filter: /\/dist(-test)?\/.*\.js$/ }, async ({ path: file }) => {
      const place = path.posix.join(there, path.relative(root, file));
      const text = await fs.promises.readFile(file, 'utf8');
      const contents = text
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(place).href))
        .replaceAll('import.meta.dirname', JSON.stringify(path.posix.dirname(place)));
      return { contents, loader: 'js' };
    });
  },
});

/**
 * Everything of ours that runs in the guest, under the same paths as here.
 * @param root the project, compiled
 * @param there its place in the guest
 */
export async function guestCode(root: string, there: string): Promise<IncludedPath[]> {
  const suites = fs
    .readdirSync(path.join(root, SUITES))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => path.posix.join(SUITES, name));
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [...ENTRIES, ...suites],
    outbase: root,
    outdir: there,
    chunkNames: 'dist/chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    keepNames: true,
    plugins: [placesOf(root, there)],
    write: false,
    logLevel: 'silent', // it throws what it has to say
  });
  return outputFiles.map(({ path: to, contents }) => ({ to, contents }));
}

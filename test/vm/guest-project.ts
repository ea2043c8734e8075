// SPDX-License-Identifier: MIT
// The project as a guest gets it. Its code is bundled, because there a module costs its file, not its size: an emulated
// processor needs 30 ms for each file that Node imports, and the library has 140 of them.
// Called by suite-runner.ts and by hosted suites.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { IncludedPath } from './lab/job.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Its place in the guest. */
export const GUEST_ROOT = '/app';

/** What is started, imported or given to a worker by its path. */
const ENTRIES = [
  'dist/index.js',
  'dist/bus/index.js',
  'dist/bus/binding/rollback-main.js',
  'dist/cli/main.js',
  'dist-test/vm/outcome-reporter.js',
  'dist-test/vm/suites/support/channel-worker.js',
];
/** Folders of things that are started by their path. */
const FOLDERS = ['dist-test/vm/suites', 'dist-test/vm/hosted/programs'];

/** Code that asks where it is gets the place of its own file, not of the bundle it ended up in. */
const places: Plugin = {
  name: 'places',
  setup(bundling) {
    bundling.onLoad({ filter: /\/dist(-test)?\/.*\.js$/ }, async ({ path: file }) => {
      const place = path.posix.join(GUEST_ROOT, path.relative(ROOT, file));
      const text = await fs.promises.readFile(file, 'utf8');
      const contents = text
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(place).href))
        .replaceAll('import.meta.dirname', JSON.stringify(path.posix.dirname(place)));
      return { contents, loader: 'js' };
    });
  },
};

async function bundledCode(): Promise<IncludedPath[]> {
  const inFolders = FOLDERS.flatMap((folder) =>
    fs
      .readdirSync(path.join(ROOT, folder))
      .filter((name) => name.endsWith('.js'))
      .map((name) => path.posix.join(folder, name)),
  );
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [...ENTRIES, ...inFolders],
    outbase: ROOT,
    outdir: GUEST_ROOT,
    chunkNames: 'dist/chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    keepNames: true,
    plugins: [places],
    write: false,
    logLevel: 'silent', // it throws what it has to say
  });
  return outputFiles.map(({ path: to, contents }) => ({ to, contents }));
}

/** All of it, under the same paths as here: code, addon, freezer and keeper, and what the command loads. */
export async function projectFiles(): Promise<IncludedPath[]> {
  const keepModule = (name: string): boolean => /\.(m?js|json)$/.test(name);
  const keepNative = (name: string): boolean => /^([^/]+\.node|vmbus-(freezer|keeper))$/.test(name);
  const asTheyAre = [
    { from: 'package.json' },
    { from: 'build/Release', keep: keepNative },
    { from: 'contrib' },
    { from: 'node_modules/commander', keep: keepModule },
  ];
  const files = asTheyAre
    .map((entry) => ({ ...entry, from: path.join(ROOT, entry.from), to: path.posix.join(GUEST_ROOT, entry.from) }))
    .filter(({ from }) => fs.existsSync(from));
  return [...files, ...(await bundledCode())];
}

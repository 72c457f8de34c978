/**
 * Makes few files of the `varve` command: what Node takes to find, read and link some two hundred
 * modules is most of the time of a short command. Commands that load more load it from files of
 * their own, as in the sources. Packages stay outside, and so do the modules beside which others
 * stand: the program of workers is looked for beside the module that starts it.
 * @module
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildSync } from 'esbuild';

/** Modules of the engine that the files of the command import where they are. */
const APART = ['executor/node.js', 'compress/zstd-binding.js'];

/**
 * Names are kept: a stack trace of a failure that nobody expected says where it was.
 * @param {string} compiled the folder of the compiled sources
 * @param {string} folder what is written: `main.js` and its parts, two folders below package.json,
 * as the compiled command is; what was there before is removed
 */
export function bundleCommand(compiled, folder) {
  const { outputFiles } = buildSync({
    absWorkingDir: compiled,
    entryPoints: ['cli/main.js'],
    outdir: folder,
    bundle: true,
    splitting: true,
    packages: 'external',
    external: APART.map((path) => join(compiled, path)),
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    minifySyntax: true,
    minifyWhitespace: true,
    write: false,
    logLevel: 'error',
  });
  rmSync(folder, { recursive: true, force: true });
  for (const { path, contents } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
  }
}

/**
 * Checks that the package works in bundles: packs it, installs it beside esbuild, Rollup, webpack
 * and Vite (from the npm registry), bundles the programs of scripts/bundles with each, takes the
 * bundles away from all packages and sources, and runs them past the first flush: on Node, and
 * those of pages in Chromium.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, root, runNpm } from './ensure.mjs';
import { pack, written } from './packed.mjs';

/** Bundles that run on Node, and what they run. */
const PROGRAMS = {
  esbuild: 'app.mjs',
  'esbuild-cjs': 'app.cjs',
  rollup: 'app.mjs',
  webpack: 'app.mjs',
  'webpack-cjs': 'app.cjs',
  vite: 'app.mjs',
};
/** Bundles for browsers that need nothing of one. */
const CORES = { 'esbuild-core': 'app.mjs', 'webpack-core': 'app.cjs' };
/** Bundles in which the programs of two kinds of threads have files of their own. */
const THREADS = ['webpack-threads', 'vite-threads'];
/** The engine without zstd, whose module alone has 740 kB. */
const CORE_BYTES_MAX = 500_000;

ensureInstalled();
const folder = mkdtempSync(join(tmpdir(), 'varve-bundles-'));
try {
  const project = install();
  // Not sooner: its packages may have been installed just now.
  const { checkDevelopment, checkPages } = await import('./bundle-pages.mjs');
  await checkDevelopment(project, say);
  const bundles = bundle(project);
  for (const [name, file] of Object.entries(PROGRAMS)) {
    for (const codec of ['lz4', 'zstd']) checkProgram(join(bundles, name, file), name, codec);
  }
  for (const [name, file] of Object.entries(CORES)) checkCore(join(bundles, name, file), name);
  for (const name of THREADS) checkThreads(join(bundles, name), name);
  await checkPages(bundles, say);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Returns the folder in which the package, the bundlers and the programs are. */
function install() {
  const { tarball } = pack(folder);
  const project = join(folder, 'project');
  cpSync(join(root, 'scripts/bundles'), project, { recursive: true });
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball];
  written('npm install of the bundlers', runNpm(args, { cwd: project, encoding: 'utf8' }));
  return project;
}

/** Returns the folder of the bundles, near which there is no package. */
function bundle(project) {
  run(project, 'bundling', 'build.mjs');
  const bundles = join(folder, 'bundles');
  renameSync(join(project, 'out'), bundles);
  rmSync(project, { recursive: true });
  return bundles;
}

function run(cwd, what, ...args) {
  return written(what, spawnSync(process.execPath, args, { cwd, encoding: 'utf8' }));
}

function checkProgram(path, name, codec) {
  const directory = join(folder, 'db');
  rmSync(directory, { recursive: true, force: true });
  const result = JSON.parse(run(folder, `the bundle of ${name}`, path, directory, codec));
  const { isComplete, isFlushed, hasWorkers, problems, backgroundError } = result;
  const isRight = isComplete && isFlushed && hasWorkers && problems.length === 0;
  if (!isRight || backgroundError !== undefined) {
    throw new Error(`The bundle of ${name} (${codec}) says ${JSON.stringify(result)}.`);
  }
  say(`${name}, ${codec}: flushed, compacted and read, by worker threads`);
}

function checkCore(path, name) {
  const { isComplete } = JSON.parse(run(folder, `the bundle of ${name}`, path));
  if (!isComplete) throw new Error(`The bundle of ${name} does not find what it wrote.`);
  const bytes = readFileSync(path).length;
  if (bytes > CORE_BYTES_MAX) throw new Error(`${name} has ${bytes} bytes: is zstd in it?`);
  say(`${name}: ${Math.round(bytes / 1000)} kB`);
}

function checkThreads(path, name) {
  const files = readdirSync(path, { recursive: true }).filter((file) => /\.m?js$/.test(file));
  const programs = files.filter((file) =>
    readFileSync(join(path, file)).includes('navigator.locks'),
  );
  if (files.length < 3 || programs.length < 2) {
    throw new Error(`${name} has no programs of threads: ${files.join(', ')}`);
  }
  say(`${name}: ${files.length} files`);
}

function say(message) {
  process.stdout.write(`${message}\n`);
}

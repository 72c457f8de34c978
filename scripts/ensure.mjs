/**
 * What every script needs first: the packages of package-lock.json in node_modules, and the
 * compiled sources in build/. Does nothing visible, and needs no network, when both are there.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { writeZstdBinding } from './zstd-binding.mjs';

/** The folder of package.json. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders whose sources tsconfig.dev.json compiles into build/. */
const SOURCE_FOLDERS = ['src', 'test', 'bench', 'fuzz', 'demo'];

/** What is not compiled. */
const ZSTD_BINDING = 'src/compress/zstd-binding';

/** Ends the script with a message for people; `code` is the exit code. */
export function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

/** Runs `npm ci` unless node_modules holds what package-lock.json names. */
export function ensureInstalled() {
  const reason = whyInstall();
  if (reason === undefined) return;
  const locked = Object.keys(packagesOf(join(root, 'package-lock.json')) ?? {}).length;
  process.stderr.write(
    `Installing up to ${locked} packages with npm ci, as ${reason}. ` +
      'That takes a minute or so, by the network.\n',
  );
  const result = withSignsOfLife('npm ci', () =>
    runNpm(['ci', '--include=dev', '--no-audit', '--no-fund'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
  );
  if (result.status !== 0) fail('npm ci failed; see above. Packages come from the npm registry.');
  process.stderr.write('The packages are installed.\n');
}

/** Runs `work`, which blocks this thread, and says every ten seconds that it goes on. */
function withSignsOfLife(name, work) {
  const program = `
    const { writeSync } = require('node:fs');
    let seconds = 0;
    setInterval(() => writeSync(2, '  ' + ${JSON.stringify(name)} + ' runs for ' + (seconds += 10) +
      ' s\\n'), 10_000);
  `;
  const ticker = new Worker(program, { eval: true });
  try {
    return work();
  } finally {
    ticker.terminate();
  }
}

/** Runs npm, the one that started this script if there is one; options as for `spawnSync`. */
export function runNpm(args, options) {
  const npm = process.env.npm_execpath;
  if (npm !== undefined && basename(npm) === 'npm-cli.js') {
    return spawnSync(process.execPath, [npm, ...args], { cwd: root, ...options });
  }
  const windows = process.platform === 'win32';
  return spawnSync(windows ? 'npm.cmd' : 'npm', args, { cwd: root, shell: windows, ...options });
}

/**
 * Runs the TypeScript compiler and ends the script with its exit code when it reports errors.
 * @param {string[]} args
 */
export function compile(args) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const result = spawnSync(process.execPath, [tsc, ...args], { cwd: root, stdio: 'inherit' });
  if (result.signal !== null) process.kill(process.pid, result.signal);
  if (result.status !== 0) fail(`tsc ${args.join(' ')} failed; see above.`, result.status ?? 1);
}

/** Installs if needed and brings build/ up to date: complete, and without files of lost sources. */
export function buildDev() {
  ensureInstalled();
  const sources = SOURCE_FOLDERS.flatMap((folder) => filesUnder(folder))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => path.slice(0, -'.ts'.length));
  const wanted = new Set([...sources, ZSTD_BINDING]);
  // The incremental state records what was emitted, not what is still there.
  if (!sources.every((stem) => existsSync(join(root, 'build', `${stem}.js`)))) {
    rmSync(join(root, 'build/.tsbuildinfo'), { force: true });
  }
  compile(['-p', 'tsconfig.dev.json']);
  writeZstdBinding(join(root, 'build', `${ZSTD_BINDING}.js`));
  for (const path of filesUnder('build')) {
    const stem = path.slice('build/'.length).replace(/\.js(\.map)?$/, '');
    if (/\.js(\.map)?$/.test(path) && !wanted.has(stem)) rmSync(join(root, path));
  }
}

/** Paths of all files under `folder`, relative to the root with `/`; none if it does not exist. */
export function filesUnder(folder) {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules') return [];
    const child = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesUnder(child) : [child];
  });
}

/** Says why node_modules does not do, or undefined when it does. */
function whyInstall() {
  const installed = packagesOf(join(root, 'node_modules/.package-lock.json'));
  if (installed === undefined) return 'node_modules is missing';
  const locked = packagesOf(join(root, 'package-lock.json'));
  if (locked === undefined) return undefined;
  // Compared by content: a checkout changes times without changing what is needed.
  for (const [path, entry] of Object.entries(locked)) {
    if (path === '') continue;
    const have = installed[path];
    if (have === undefined ? !entry.optional : have.version !== entry.version) {
      return `node_modules is older than package-lock.json (${path.slice('node_modules/'.length)})`;
    }
  }
  return undefined;
}

/** The `packages` part of a lock file, or undefined if there is no such file. */
function packagesOf(lockFile) {
  if (!existsSync(lockFile)) return undefined;
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages ?? {};
}

/**
 * Runs main.mjs as a user would have it: packs Varve, installs the package and the libraries of
 * package-lock.json in an empty folder, and runs the example there. Exits with its exit code.
 *
 *     node examples/level/run.mjs
 * @module
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'varve-example-level-'));
try {
  process.exitCode = run(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(folder) {
  const project = join(folder, 'project');
  mkdirSync(project);
  for (const name of ['main.mjs', 'package.json', 'package-lock.json']) {
    cpSync(join(root, 'examples/level', name), join(project, name));
  }
  const packed = npm(['pack', '--json', '--pack-destination', folder], root);
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[')));
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  npm(['ci', ...quiet], project);
  npm(['install', '--no-save', ...quiet, join(folder, filename)], project);
  const result = spawnSync(process.execPath, ['main.mjs'], { cwd: project, stdio: 'inherit' });
  if (result.error !== undefined) throw result.error;
  return result.status ?? 1;
}

/** Runs npm and returns what it wrote; throws unless it succeeds. */
function npm(args, cwd) {
  const windows = process.platform === 'win32';
  const options = { cwd, shell: windows, encoding: 'utf8' };
  const result = spawnSync(windows ? 'npm.cmd' : 'npm', args, options);
  if (result.error !== undefined) throw result.error;
  if (result.status === 0) return result.stdout;
  throw new Error(`npm ${args.join(' ')} failed:\n${result.stdout}\n${result.stderr}`);
}

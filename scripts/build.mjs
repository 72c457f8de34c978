/**
 * `npm run build`, also before packing: compiles src into dist/, which is what the package ships,
 * makes the modules there that are not compiled, and few files of the command.
 * Removes the old dist/ first, and fails when package.json names a file that was not made.
 * @module
 */
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { compile, ensureInstalled, fail, root } from './ensure.mjs';
import { writeZstdBinding } from './zstd-binding.mjs';

ensureInstalled();
// They need packages, which are there only now.
const { bundleCommand } = await import('./command-bundle.mjs');
const { writeWorkerProgram } = await import('./worker-program.mjs');
rmSync(join(root, 'dist'), { recursive: true, force: true });
compile(['-p', 'tsconfig.json']);
writeZstdBinding(join(root, 'dist/compress/zstd-binding.js'));
const executor = join(root, 'dist/executor');
writeWorkerProgram(join(executor, 'node-worker.js'), join(executor, 'node-worker-program.js'));
bundleCommand(join(root, 'dist'), join(root, 'dist/cli'));

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const commands = Object.values(manifest.bin);
const missing = [...commands, ...pathsIn(manifest.exports)].filter(
  (path) => !existsSync(join(root, path)),
);
if (missing.length > 0) fail(`package.json names what src does not build: ${missing.join(', ')}`);

for (const path of commands) {
  const file = join(root, path);
  if (!readFileSync(file, 'utf8').startsWith('#!')) {
    fail(`${path} is a command of package.json and must begin with #!/usr/bin/env node`);
  }
  chmodSync(file, 0o755);
}

/** All file paths in the `exports` field. */
function pathsIn(value) {
  return typeof value === 'string' ? [value] : Object.values(value).flatMap(pathsIn);
}

/**
 * The package as users get it, for the scripts that check that.
 * @module
 */
import { join } from 'node:path';
import { runNpm } from './ensure.mjs';

/** Throws unless `result` of spawnSync is a success; returns what it wrote. */
export function written(what, result) {
  if (result.error !== undefined) throw result.error;
  if (result.status === 0) return result.stdout.trim();
  throw new Error(`${what} failed:\n${result.stdout}\n${result.stderr}`);
}

/** Makes the tarball in `folder`, as publishing would; returns its path and what is in it. */
export function pack(folder) {
  const args = ['pack', '--json', '--pack-destination', folder];
  const output = written('npm pack', runNpm(args, { encoding: 'utf8' }));
  const [{ filename, files, size }] = JSON.parse(output.slice(output.indexOf('[')));
  return { tarball: join(folder, filename), paths: files.map((file) => file.path), size };
}

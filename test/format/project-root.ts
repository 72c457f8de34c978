/**
 * Where the project's files are.
 * @module
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, from that of the compiled test. */
export function projectRoot(folder: string = dirname(fileURLToPath(import.meta.url))): string {
  return existsSync(join(folder, 'tsconfig.dev.json')) ? folder : projectRoot(dirname(folder));
}

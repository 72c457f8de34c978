/**
 * Where the project's files are.
 * @module
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of package.json, from that of the compiled test.
 * @throws Error where the tests were compiled to a folder outside the project
 */
export function projectRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  let folder = start;
  while (!existsSync(join(folder, 'tsconfig.dev.json'))) {
    if (folder === dirname(folder)) throw new Error(`no folder of the project is above ${start}`);
    folder = dirname(folder);
  }
  return folder;
}

/**
 * The Chromium that scripts drive.
 * @module
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fail } from './ensure.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Its path: what CHROMIUM says, or else from PATH; ends the script when there is none. */
export function findChromium() {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM !== undefined) return CHROMIUM;
  const folders = PATH.split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return (
    found.find((path) => existsSync(path)) ??
    fail('There is no Chromium. Install it (Debian: apt-get install chromium), or set CHROMIUM.')
  );
}

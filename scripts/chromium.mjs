/**
 * The Chromium that scripts drive.
 * @module
 */
import { missing, programOf } from './browser/programs.mjs';
import { fail } from './ensure.mjs';

/** Its path: what CHROMIUM says, or else from PATH; ends the script when there is none. */
export function findChromium() {
  return programOf('chromium') ?? fail(missing('chromium'));
}

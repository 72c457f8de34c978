/**
 * `npm run golden`: makes the databases of test/golden/ anew, after a change of the format that is
 * meant. Look at what `git diff --stat test/golden` says before you check them in.
 * @module
 */
import { buildDev } from './ensure.mjs';
import { runNode } from './run-node.mjs';

buildDev();
runNode('build/test/format/golden-make.js', process.argv.slice(2));

/**
 * `npm run demo -- [folder]`: imports a real folder, with a crash half way. Arguments go to
 * demo/main.ts.
 * @module
 */
import { buildDev } from './ensure.mjs';
import { runNode } from './run-node.mjs';

buildDev();
runNode('build/demo/main.js', process.argv.slice(2));

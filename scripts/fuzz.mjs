/**
 * `npm run fuzz -- [--seed N] [--seconds S]`: runs fuzz/main.ts.
 * @module
 */
import { buildDev } from './ensure.mjs';
import { runNode } from './run-node.mjs';

buildDev();
runNode('build/fuzz/main.js', process.argv.slice(2));

/**
 * `npm run test:long -- --seed N`: the property tests for as long as one likes, from a seed; with
 * `--simulation` or `--damage` those. Arguments go to test/long/main.ts.
 * @module
 */
import { buildDev } from './ensure.mjs';
import { runNode } from './run-node.mjs';

buildDev();
runNode('build/test/long/main.js', process.argv.slice(2));

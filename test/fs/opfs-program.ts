/**
 * The web worker of the tests of OPFS: runs the checks one after the other, and tells the page.
 * @module
 */
import { runChecks } from '../executor/browser-run.ts';
import { CHECKS } from './opfs-checks.ts';
import { clearOpfs } from './opfs-world.ts';

await clearOpfs();
await runChecks(CHECKS);

/**
 * Runs the tests of damage over OPFS.
 * @module
 */
import { runChecks } from '../executor/browser-run.ts';
import { clearOpfs } from '../fs/opfs-world.ts';
import { CHECKS } from './integrity-checks.ts';

await clearOpfs();
await runChecks(CHECKS);

/**
 * The web worker of the tests of web workers.
 * @module
 */
import { CHECKS } from './browser-checks.ts';
import { runChecks } from './browser-run.ts';

await runChecks(CHECKS);

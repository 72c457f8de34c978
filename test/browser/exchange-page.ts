/**
 * The page of the tests of databases that go from Node to a browser, and back.
 * @module
 */
import { CHECKS } from './exchange-checks.ts';
import { runPage } from './run-page.ts';

await runPage(CHECKS);

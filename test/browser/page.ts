/**
 * The page of the tests of a page's database.
 * @module
 */
import { CHECKS } from './page-checks.ts';
import { runPage } from './run-page.ts';

await runPage(CHECKS);

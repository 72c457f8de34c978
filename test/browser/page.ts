/**
 * The page of the tests of a page's database. Results go to `report`, a function that the driver of
 * the browser has put there (scripts/test-browser.mjs).
 * @module
 */
import { CHECKS } from './page-checks.ts';

/** What came of a check. */
interface Outcome {
  readonly name: string;
  readonly note: string | undefined;
  readonly error: string | undefined;
  readonly milliseconds: number;
}

declare const report: (outcome: Outcome | 'end') => void;

for (const [name, check] of Object.entries(CHECKS)) {
  const started = performance.now();
  let note: string | undefined;
  let error: string | undefined;
  try {
    note = await check();
  } catch (thrown) {
    error = String((thrown as Error).stack ?? thrown);
  }
  report({ name, note, error, milliseconds: performance.now() - started });
}
report('end');

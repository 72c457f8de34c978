/**
 * The web worker of the browser tests: runs the checks one after the other, and tells the page.
 * @module
 */
import { CHECKS, type Outcome } from './browser-checks.ts';

for (const [name, check] of Object.entries(CHECKS)) {
  const started = performance.now();
  let outcome: Outcome;
  try {
    outcome = { name, note: await check(), error: undefined };
  } catch (error) {
    outcome = { name, note: undefined, error: String((error as Error).stack ?? error) };
  }
  postMessage({ ...outcome, milliseconds: performance.now() - started });
}
postMessage('end');

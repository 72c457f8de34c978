/**
 * For web workers of the browser tests: runs checks one after the other, and tells the page.
 * @module
 */
import type { Check, Outcome } from './browser-checks.ts';

export async function runChecks(checks: Readonly<Record<string, Check>>): Promise<void> {
  for (const [name, check] of Object.entries(checks)) {
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
}

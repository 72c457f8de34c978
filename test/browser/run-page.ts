/**
 * Runs the checks of a page, one after the other. Results go to `report`, a function that the
 * driver of the browser has put there (scripts/test-browser.mjs).
 * @module
 */

/** Throws if it fails, and may return what it has measured. */
type Check = () => Promise<string | undefined>;

/** What came of a check. */
interface Outcome {
  readonly name: string;
  readonly note: string | undefined;
  readonly error: string | undefined;
  readonly milliseconds: number;
}

declare const report: (outcome: Outcome | 'end') => void;

export async function runPage(checks: Readonly<Record<string, Check>>): Promise<void> {
  for (const [name, check] of Object.entries(checks)) {
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
}

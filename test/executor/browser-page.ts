/**
 * The page of the browser tests: sees that web workers are refused where they cannot be had, and
 * starts the thread of the checks. Results go to `report`, a function that the driver of the
 * browser has put there (scripts/test-browser.mjs).
 * @module
 */
import { isVarveError, webThreads } from '../../src/core.ts';
import type { Outcome } from './browser-checks.ts';

declare const report: (outcome: Outcome | 'end') => void;

const FS = { module: new URL('./browser-fs.js', import.meta.url), export: 'openTrappedFs' };

/** Checks that `webThreads` refuses, for the reason that the page has. */
async function checkRefusal(name: string, reason: RegExp): Promise<void> {
  const error: unknown = await webThreads({ fs: FS }).catch((thrown: unknown) => thrown);
  const isRight = isVarveError(error, 'UNSUPPORTED') && reason.test(error.message);
  report({ name, note: undefined, error: isRight ? undefined : `webThreads says ${error}` });
}

function startProgram(): void {
  const worker = new Worker(new URL('./browser-program.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }) => report(data);
  worker.onerror = ({ message }) => {
    report({ name: 'the thread of the checks lives', note: undefined, error: `${message}` });
    report('end');
  };
}

if (globalThis.crossOriginIsolated) {
  await checkRefusal('the main thread of a page is refused', /main thread/);
  startProgram();
} else {
  await checkRefusal('a page without the headers is refused, and told which', /Opener-Policy/);
  report('end');
}

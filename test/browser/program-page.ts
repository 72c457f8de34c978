/**
 * The page of tests that run in a worker: starts the program that the query of its address names,
 * from test/browser/NAME-program.ts. Results go to `report`, a function that the driver of the
 * browser has put there (scripts/test-browser.mjs).
 * @module
 */
import type { Outcome } from '../executor/browser-checks.ts';

declare const report: (outcome: Outcome | 'end') => void;

const address = `/bundle/test/browser/${location.search.slice(1)}-program.js`;
const worker = new Worker(address, { type: 'module' });
worker.onmessage = ({ data }) => report(data);
worker.onerror = ({ message }) => {
  report({ name: 'the worker of the tests lives', note: undefined, error: `${message}` });
  report('end');
};

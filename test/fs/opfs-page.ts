/**
 * The page of the tests of OPFS: starts the worker of the checks, then kills workers that write.
 * Results go to `report`, a function that the driver of the browser has put there
 * (scripts/test-browser.mjs).
 * @module
 */
import { mountOpfs } from '../../src/core.ts';
import { isVarveError } from '../../src/errors.ts';
import type { Outcome } from '../executor/browser-checks.ts';
import type { WriterReport, WriterStart } from './opfs-writer.ts';

declare const report: (outcome: Outcome | 'end') => void;

/** Lives of a worker that ends in the middle of what it does. */
const LIVES = 12;

/** On the main thread there is no such file system, and a mount says so. */
async function checkRefusal(): Promise<void> {
  const error: unknown = await mountOpfs({ directory: 'x' }).catch((thrown: unknown) => thrown);
  const isRight = isVarveError(error, 'UNSUPPORTED') && /dedicated worker/.test(error.message);
  const name = 'the main thread of a page has no synchronous files, and is told so';
  report({ name, note: undefined, error: isRight ? undefined : `mountOpfs says ${error}` });
}

function runProgram(): Promise<void> {
  const worker = new Worker(new URL('./opfs-program.js', import.meta.url), { type: 'module' });
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => {
      if (data === 'end') resolve();
      else report(data);
    };
    worker.onerror = ({ message }) => {
      report({ name: 'the worker of OPFS lives', note: undefined, error: `${message}` });
      resolve();
    };
  });
}

/** One life of a writer; returns what it has told to be durable when it was ended. */
export function writerLife(
  start: WriterStart,
  isOver: (durable: number) => boolean,
): Promise<number> {
  const worker = new Worker(new URL('./opfs-writer.js', import.meta.url), { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.onmessage = ({ data }: MessageEvent<WriterReport>) => {
      if ('error' in data) reject(new Error(data.error));
      else if (isOver(data.durable)) {
        worker.terminate();
        resolve(data.durable);
      }
    };
    worker.postMessage(start);
  });
}

async function killWriters(): Promise<void> {
  const name = 'workers that are ended in the middle of writes lose nothing that was synced';
  let acknowledged = 0;
  try {
    for (let life = 0; life < LIVES; life++) {
      const target = acknowledged + 300 + ((life * 7919) % 1500);
      const start = { directory: 'writer', acknowledged };
      acknowledged = await writerLife(start, (durable) => durable >= target);
    }
    report({ name, note: `${LIVES} lives, ${acknowledged} entries`, error: undefined });
  } catch (error) {
    report({ name, note: undefined, error: String((error as Error).stack ?? error) });
  }
}

await checkRefusal();
await runProgram();
await killWriters();
report('end');

/**
 * Worker threads of Node, and of runtimes that have `node:worker_threads`.
 * @module
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { brotliDecompressSync } from 'node:zlib';
import type { WorkerEndpoint, WorkerListener, WorkerThreads } from './port.ts';
import { REPORTS_WORD, type Report } from './protocol.ts';

/** More do not help one database. */
const DEFAULT_COUNT_MAX = 4;
/** The program of a worker, beside this file; no bundler is to take it for a literal. */
const PROGRAM_NAME = './node-worker.js';

/** Set in bundles of webpack, which give a module the address that it had when it was bundled. */
declare const __webpack_require__: unknown;

/** By the address of their program; databases that have the same share their workers. */
const known = new Map<string, WorkerThreads>();

/**
 * The threads of this runtime.
 * @param programUrl the program of a worker: an absolute URL; if absent, ours, which in a bundle
 * comes with it
 */
export async function nodeThreads(programUrl: string | undefined): Promise<WorkerThreads> {
  const key = programUrl ?? '';
  let threads = known.get(key);
  if (threads === undefined) {
    threads = threadsOf(new URL(programUrl ?? ownProgram() ?? (await embeddedProgram())));
    // Somebody else may have asked meanwhile.
    threads = known.get(key) ?? threads;
    known.set(key, threads);
  }
  return threads;
}

/** Undefined in a bundle, which has taken this file away from the program. */
function ownProgram(): string | undefined {
  // Undefined in bundles of CommonJS.
  const here: string | undefined = import.meta.url;
  // What stands at the old address may be of another version.
  if (here === undefined || typeof __webpack_require__ !== 'undefined') return undefined;
  const url = new URL(PROGRAM_NAME, here);
  return url.protocol !== 'file:' || existsSync(url) ? url.href : undefined;
}

async function embeddedProgram(): Promise<string> {
  const { program } = await import('./node-worker-program.js');
  const code = brotliDecompressSync(Buffer.from(program, 'base64'));
  return `data:text/javascript;base64,${code.toString('base64')}`;
}

function threadsOf(program: URL): WorkerThreads {
  return {
    defaultCount: Math.min(availableParallelism(), DEFAULT_COUNT_MAX),
    start: (signals, number, listener) => startThread(program, signals, number, listener),
    wait: (signals, seen, milliseconds) => {
      Atomics.wait(signals, REPORTS_WORD, seen, milliseconds);
    },
    timer(milliseconds, callback) {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
    later(milliseconds, callback) {
      const timer = setTimeout(callback, milliseconds).unref();
      return () => clearTimeout(timer);
    },
  };
}

function startThread(
  program: URL,
  signals: Int32Array,
  number: number,
  listener: WorkerListener,
): WorkerEndpoint {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(program, {
    workerData: { signals, number, port: port2 },
    transferList: [port2],
    // Those of this process may be about its program.
    execArgv: [],
    // What a job makes that does not last are arrays, which do not lie in this part of the heap.
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
    name: `varve ${number}`,
  });
  // The event brings the first report; those behind it are received like all others.
  let early: Report | undefined;
  port1.on('message', (report: Report) => {
    early = report;
    listener.onReport();
  });
  let cause: unknown;
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('exit', (code) => listener.onDeath(cause ?? new Error(`it ended with code ${code}`)));
  const hold = (isHeld: boolean): void => {
    if (isHeld) port1.ref();
    else port1.unref();
  };
  worker.unref();
  hold(false);
  return {
    send: (order) => port1.postMessage(order),
    receive: () => {
      const report = early ?? (receiveMessageOnPort(port1)?.message as Report | undefined);
      early = undefined;
      return report;
    },
    hold,
    terminate: async () => {
      port1.close();
      await worker.terminate();
    },
  };
}

/**
 * Worker threads of Node, and of runtimes that have `node:worker_threads`.
 * @module
 */
import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { REPORTS_WORD, type Report } from './protocol.ts';
import type { WorkerEndpoint, WorkerListener, WorkerThreads } from './worker-threads.ts';

/** More do not help one database. */
const DEFAULT_COUNT_MAX = 4;

export const nodeThreads: WorkerThreads = {
  defaultCount: Math.min(availableParallelism(), DEFAULT_COUNT_MAX),
  start: startThread,
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

function startThread(
  signals: Int32Array,
  number: number,
  listener: WorkerListener,
): WorkerEndpoint {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('./node-worker.js', import.meta.url), {
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

/**
 * The program of a worker thread of Node; started by node.ts.
 * @module
 */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { loadChecksum } from '../block/checksum.ts';
import { nodeCompression } from '../compress/node.ts';
import { nodeCrypto } from '../crypto/node.ts';
import { systemClock, systemRandom } from '../env/system.ts';
import { NodeFs } from '../fs/node.ts';
import { JobRunner } from './job-runner.ts';
import type { Order } from './protocol.ts';
import { WorkerProgram, WorkerSignals } from './worker-program.ts';

const {
  signals: words,
  number,
  port,
} = workerData as {
  readonly signals: Int32Array;
  readonly number: number;
  readonly port: MessagePort;
};

const signals = new WorkerSignals(words, number);
process.on('exit', () => signals.end());
await loadChecksum();
const runner = new JobRunner(
  {
    fs: new NodeFs(),
    clock: systemClock,
    random: systemRandom,
    compression: nodeCompression(),
    crypto: nodeCrypto(),
  },
  (report) => {
    port.postMessage(report);
    signals.notify();
  },
);
const program = new WorkerProgram(runner, signals, (inbox) => {
  let next: { readonly message: Order } | undefined;
  while ((next = receiveMessageOnPort(port)) !== undefined) inbox.push(next.message);
  return undefined;
});
port.on('message', (order: Order) => void program.follow(order));

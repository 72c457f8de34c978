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
import { HEARTBEAT_ENDED, HEARTBEAT_WORD, type Order, REPORTS_WORD } from './protocol.ts';

/** Entries of one step: some milliseconds of work. */
const STEP_BYTES = 1_048_576;

const { signals, number, port } = workerData as {
  readonly signals: Int32Array;
  readonly number: number;
  readonly port: MessagePort;
};

/** Tells the database that there is something to look at. */
function notify(): void {
  Atomics.add(signals, REPORTS_WORD, 1);
  Atomics.notify(signals, REPORTS_WORD);
}

process.on('exit', () => {
  Atomics.store(signals, HEARTBEAT_WORD + number, HEARTBEAT_ENDED);
  notify();
});
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
    notify();
  },
);

let heartbeat = 0;
let isWorking = false;

function beat(): void {
  heartbeat = (heartbeat + 1) & 0xffff;
  Atomics.store(signals, HEARTBEAT_WORD + number, 1 + heartbeat);
}

/** Works until nothing is left to do. Orders come in by events at first, then between the steps. */
async function follow(first: Order): Promise<void> {
  await runner.take(first);
  if (isWorking) return;
  isWorking = true;
  while (!runner.isIdle) {
    let next: { readonly message: Order } | undefined;
    while ((next = receiveMessageOnPort(port)) !== undefined) await runner.take(next.message);
    if (runner.isIdle) break;
    runner.step(STEP_BYTES);
    beat();
  }
  isWorking = false;
}

port.on('message', (order: Order) => void follow(order));
beat();

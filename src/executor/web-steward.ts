/**
 * The program of the web worker that makes all others and looks after them; started by web.ts, for
 * the reason that web-protocol.ts gives. It never blocks.
 * @module
 */
import type {
  NamedExport,
  StewardOrder,
  StewardStart,
  WorkerEnded,
  WorkerStart,
} from './web-protocol.ts';
import { WorkerSignals } from './worker-program.ts';

type StartOrder = Extract<StewardOrder, { type: 'start' }>;

/** A worker that was started and has not ended. */
interface Charge {
  readonly worker: Worker;
  readonly signals: WorkerSignals;
  /** It holds its lock, so that its end will show. */
  isAlive: boolean;
  /** The database has given it up, and may have another one with its number. */
  isUnwanted: boolean;
  cause: string;
}

const charges = new Map<number, Charge>();

addEventListener(
  'message',
  ({ data: { port, fs, workerUrl } }: MessageEvent<StewardStart>) => {
    port.onmessage = ({ data: order }: MessageEvent<StewardOrder>) => {
      if (order.type === 'start') start(order, fs, port, workerUrl);
      else end(order.id, port);
    };
    port.postMessage('ready');
  },
  { once: true },
);

function makeWorker(url: string | undefined): Worker {
  const options = { type: 'module', name: 'varve worker' } as const;
  if (url !== undefined) return new Worker(url, options);
  // Bundlers look for exactly this.
  return new Worker(new URL('./web-worker.js', import.meta.url), { type: 'module' });
}

function start(
  order: StartOrder,
  fs: NamedExport,
  toDatabase: MessagePort,
  workerUrl: string | undefined,
): void {
  const { id, signals, number, mailbox, port } = order;
  const lock = `varve worker ${crypto.randomUUID()}`;
  const worker = makeWorker(workerUrl);
  const charge = {
    worker,
    signals: new WorkerSignals(signals, number),
    isAlive: false,
    isUnwanted: false,
    cause: 'it ended by itself',
  };
  charges.set(id, charge);
  worker.onmessage = () => {
    charge.isAlive = true;
    void navigator.locks.request(lock, () => gone(id, toDatabase));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    charge.cause = event.message ?? 'its program cannot be loaded';
    terminate(id, toDatabase);
  };
  const message: WorkerStart = { signals, number, mailbox, port, fs, lock };
  worker.postMessage(message, [port]);
}

function end(id: number, toDatabase: MessagePort): void {
  const charge = charges.get(id);
  if (charge === undefined) return;
  charge.isUnwanted = true;
  terminate(id, toDatabase);
}

function terminate(id: number, toDatabase: MessagePort): void {
  const { worker, isAlive } = charges.get(id)!;
  worker.terminate();
  if (!isAlive) gone(id, toDatabase);
}

/** Tells the database, also if that blocks its thread. */
function gone(id: number, toDatabase: MessagePort): void {
  const charge = charges.get(id);
  if (charge === undefined) return;
  charges.delete(id);
  const { isUnwanted, signals, cause } = charge;
  if (!isUnwanted) signals.end();
  const message: WorkerEnded = { id, cause: isUnwanted ? undefined : cause };
  toDatabase.postMessage(message);
}

/**
 * The threads of a database of the browser tests, which note what becomes of its workers. All can
 * be asked in the midst of a loop that never returns to the host.
 * @module
 */
import type { WebThreads, WorkerThreads } from '../../src/core.ts';
import { HEARTBEAT_WORD, isTaken, type Order, type Report } from '../../src/executor/protocol.ts';

type Endpoint = ReturnType<WorkerThreads['start']>;
type Listener = Parameters<WorkerThreads['start']>[2];
type RunOrder = Extract<Order, { type: 'run' }>;

/** A worker that was started, and has not ended as far as its database knows. */
interface Started {
  readonly number: number;
  readonly signals: Int32Array;
  /** Jobs that it has not reported. */
  readonly orders: Map<number, RunOrder>;
}

/** See the module head. */
export class ObservedThreads implements WorkerThreads {
  readonly defaultCount: number;
  /** Workers that were started. */
  startCount: number;
  /** Workers that were told to end, and have really ended. */
  endCount: number;
  /** The most that were there at a time. */
  runningMax: number;
  /** Jobs that workers have done. */
  doneCount: number;
  /** Tables of the report that named the most. */
  tablesMax: number;
  /** Waits that blocked the thread, and how many of them for a worker that had begun a job. */
  waitCount: number;
  begunWaitCount: number;
  /** Why workers died, as their database was told. */
  readonly deaths: string[];
  /** Called before each wait that blocks the thread. */
  onWait: () => void;
  readonly #threads: WebThreads;
  readonly #started: Set<Started>;

  constructor(threads: WebThreads) {
    this.defaultCount = threads.defaultCount;
    this.startCount = 0;
    this.endCount = 0;
    this.runningMax = 0;
    this.doneCount = 0;
    this.tablesMax = 0;
    this.waitCount = 0;
    this.begunWaitCount = 0;
    this.deaths = [];
    this.onWait = () => {};
    this.#threads = threads;
    this.#started = new Set();
  }

  /** Workers that take orders. */
  get readyCount(): number {
    return [...this.#started].filter(
      ({ number, signals }) => Atomics.load(signals, HEARTBEAT_WORD + number) > 0,
    ).length;
  }

  /** True while a worker has begun a job whose end it has not told. */
  get hasBegun(): boolean {
    for (const { orders } of this.#started) {
      for (const { claim } of orders.values()) if (isTaken(claim)) return true;
    }
    return false;
  }

  start(signals: Int32Array, number: number, listener: Listener): Endpoint {
    const worker = { number, signals, orders: new Map<number, RunOrder>() };
    const endpoint = this.#threads.start(signals, number, {
      onReport: () => listener.onReport(),
      onDeath: (cause) => {
        this.#started.delete(worker);
        this.deaths.push(String(cause));
        listener.onDeath(cause);
      },
    });
    this.startCount++;
    this.#started.add(worker);
    this.runningMax = Math.max(this.runningMax, this.#started.size);
    return {
      send: (order) => {
        endpoint.send(order);
        if (order.type === 'run') worker.orders.set(order.id, order);
      },
      receive: () => this.#note(worker, endpoint.receive()),
      hold: (isHeld) => endpoint.hold(isHeld),
      terminate: async () => {
        this.#started.delete(worker);
        await endpoint.terminate();
        this.endCount++;
      },
    };
  }

  #note({ orders }: Started, report: Report | undefined): Report | undefined {
    if (report?.type === 'done' || report?.type === 'failed') orders.delete(report.id);
    if (report?.type !== 'done') return report;
    this.doneCount++;
    const { result } = report;
    if ('outputs' in result) this.tablesMax = Math.max(this.tablesMax, result.outputs.length);
    return report;
  }

  wait(signals: Int32Array, seen: number, milliseconds: number): void {
    this.waitCount++;
    if (this.hasBegun) this.begunWaitCount++;
    this.onWait();
    this.#threads.wait(signals, seen, milliseconds);
  }

  timer(milliseconds: number, callback: () => void): () => void {
    return this.#threads.timer(milliseconds, callback);
  }

  later(milliseconds: number, callback: () => void): () => void {
    return this.#threads.later!(milliseconds, callback);
  }
}

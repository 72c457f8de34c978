/**
 * Databases whose simulated workers get no orders that a test holds back, so that memtables and
 * tables pile up as far as the test wants.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { AnyJob } from '../../src/executor/job-kinds.ts';
import type { WorkerThreads } from '../../src/executor/port.ts';
import type { Order } from '../../src/executor/protocol.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import type { SimulatedThreads } from '../../src/testing/simulated-threads.ts';
import { openThreaded } from '../executor/fixture.ts';

const KIB = 1024;

/** Nothing is compacted unless a test sets thresholds; not compressed, so that sizes are known. */
export const CALM: DbOptions = {
  writeBufferBytes: 64 * KIB,
  targetTableBytes: 64 * KIB,
  baseLevelBytes: 64 * KIB * KIB,
  l0TriggerCount: 64,
  compression: 'none',
};

/** Holds orders back. */
export class Gate {
  /** Kinds of jobs whose orders do not pass. */
  readonly holds: Set<AnyJob['kind']>;
  /** Times that the database has blocked its thread. */
  waitCount: number;
  /** Called before each of them. */
  onWait: () => void;
  #held: (() => void)[];

  constructor() {
    this.holds = new Set();
    this.waitCount = 0;
    this.onWait = () => {};
    this.#held = [];
  }

  get heldCount(): number {
    return this.#held.length;
  }

  /** Lets all orders pass, those before and those to come. */
  open(): void {
    this.holds.clear();
    for (const send of this.#held.splice(0)) send();
  }

  /** Lets the oldest order pass that is held. */
  letOnePass(): void {
    this.#held.shift()!();
  }

  pass(order: Order, send: () => void): void {
    // What is cancelled has to arrive first.
    if (order.type === 'cancel') this.open();
    if (order.type === 'run' && this.holds.has(order.job.kind)) this.#held.push(send);
    else send();
  }
}

export interface HeldWorld {
  readonly db: Db;
  readonly fs: MemoryFs;
  readonly gate: Gate;
  readonly clock: SimulatedClock;
  readonly threads: SimulatedThreads;
}

/** @param holds what is held back from the beginning */
export async function openHeld(
  options: DbOptions,
  holds: readonly AnyJob['kind'][] = [],
  fs: MemoryFs = new MemoryFs(),
): Promise<HeldWorld> {
  const gate = new Gate();
  for (const work of holds) gate.holds.add(work);
  const { db, clock, threads } = await openThreaded(fs, { ...CALM, ...options }, (inner) =>
    throughGate(inner, gate),
  );
  return { db, fs, gate, clock, threads };
}

/** Waits without blocking give the host a turn, as real ones do. */
function throughGate(threads: SimulatedThreads, gate: Gate): WorkerThreads {
  return {
    defaultCount: threads.defaultCount,
    start: (signals, number, listener) => {
      const endpoint = threads.start(signals, number, listener);
      const send = (order: Order): void => gate.pass(order, () => endpoint.send(order));
      return { ...endpoint, send };
    },
    wait: (signals, seen, milliseconds) => {
      gate.waitCount++;
      gate.onWait();
      threads.wait(signals, seen, milliseconds);
    },
    timer: (_milliseconds, callback) => {
      const handle = setImmediate(() => {
        threads.run();
        callback();
      });
      return () => clearImmediate(handle);
    },
  };
}

/** One turn of the host. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Puts `count` values of 1000 bytes, under keys of a round's own that lie among all others. */
export function putRound(db: Db, round: number, count: number, columnFamily = 'default'): void {
  for (let i = 0; i < count; i++) {
    db.put(`key ${String(i).padStart(5, '0')}/${round}`, new Uint8Array(1000).fill(round), {
      columnFamily,
    });
  }
}

/** A round of {@link putRound} as a table of L0. */
export async function flushRound(db: Db, round: number, count = 20): Promise<void> {
  putRound(db, round, count);
  await db.flush();
}

export function l0Count(db: Db, family = 0): number {
  return db.stats().columnFamilies[family]!.levels[0]!.tableCount;
}

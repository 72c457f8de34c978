/**
 * Databases whose host calls back when a test lets time pass.
 * @module
 */
import { portableCompression } from '../../src/compress/portable.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import { openDatabase } from '../../src/db/open.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { SimulatedThreads } from '../../src/testing/simulated-threads.ts';
import { PATH } from './helpers.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** Steps of time in which workers get on. */
const TURNS_PER_TIMER = 8;

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A host of which only a test moves the time. */
export class PatrolHost {
  readonly clock: SimulatedClock;
  #timers: Timer[];
  threads: SimulatedThreads | undefined;

  constructor(startMs = 1_700_000_000_000) {
    this.clock = new SimulatedClock(startMs);
    this.#timers = [];
    this.threads = undefined;
  }

  readonly later = (milliseconds: number, callback: () => void): (() => void) => {
    const timer = { atMs: this.clock.monotonic() + milliseconds, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  readonly delay = async (milliseconds: number): Promise<void> => {
    this.clock.advance(milliseconds);
  };

  readonly turn = async (): Promise<void> => {
    this.threads?.run();
  };

  /** Lets time pass, and calls back what is due on the way. */
  async pass(milliseconds: number): Promise<void> {
    const endMs = this.clock.monotonic() + milliseconds;
    for (;;) {
      const next = this.#timers.reduce<Timer | undefined>(
        (first, timer) => (first === undefined || timer.atMs < first.atMs ? timer : first),
        undefined,
      );
      if (next === undefined || next.atMs > endMs) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.clock.advance(Math.max(0, next.atMs - this.clock.monotonic()));
      next.callback();
      await this.settle();
    }
    this.clock.advance(endMs - this.clock.monotonic());
    await this.settle();
  }

  /** Lets workers and promises get on. */
  async settle(): Promise<void> {
    for (let i = 0; i < TURNS_PER_TIMER; i++) {
      this.threads?.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A process that ends without a close calls nothing back. */
  forget(): void {
    this.#timers = [];
  }
}

export interface Patrolled {
  readonly db: Db;
  readonly host: PatrolHost;
  /** In their order; of all kinds. */
  readonly events: DbEvent[];
}

/** @param workers simulated threads; 0 for none */
export async function openPatrolled(
  fs: Fs,
  options: DbOptions = {},
  host: PatrolHost = new PatrolHost(),
  workers = 0,
): Promise<Patrolled> {
  const { clock, later, delay, turn } = host;
  const random = new SeededRandom(Math.floor(clock.now() % 1_000_000));
  const ports = { fs, clock, random, compression: portableCompression, crypto: nodeCrypto() };
  host.threads = workers === 0 ? undefined : new SimulatedThreads(ports, random, workers);
  const events: DbEvent[] = [];
  const db = await openDatabase(
    PATH,
    { compression: 'none', onEvent: (event) => events.push(event), ...options },
    { ...ports, hostLoop: { later, delay, turn }, threads: host.threads },
  );
  return { db, host, events };
}

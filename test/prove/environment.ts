/**
 * A world for databases that depends on nothing but a seed.
 * @module
 */
import { portableCompression } from '../../src/compress/portable.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { Db } from '../../src/db/database.ts';
import { openDatabase } from '../../src/db/open.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { SimulatedThreads } from '../../src/testing/simulated-threads.ts';
import { observed } from './observed-fs.ts';

/** Where the database of a simulation is. */
export const DIRECTORY = 'db';

/** Of so many workers one starts late, so that its first jobs are done by who waits for them. */
const LATE_EVERY = 2;

/** What one process has of a world. */
export interface World {
  readonly fs: Fs;
  readonly clock: SimulatedClock;
  readonly seed: number;
  /** Simulated threads; with 0, background work is done by the database in its own time. */
  readonly workerCount: number;
  readonly turn: () => Promise<void>;
}

/** What is to be opened in a world. */
export interface Process {
  /** Undefined where background work is done by the database. */
  readonly threads: SimulatedThreads | undefined;
  open(options: DbOptions): Promise<Db>;
}

/**
 * A process of a world; all that happens in it follows from the seed and the calls. Its threads
 * take their steps between the operations of the database on its files.
 */
export function processOf(
  { fs, clock, seed, workerCount, turn }: World,
  directory: string = DIRECTORY,
): Process {
  const ports = {
    fs,
    clock,
    random: new SeededRandom(seed),
    compression: portableCompression,
    crypto: nodeCrypto(),
  };
  const hostLoop = { turn };
  if (workerCount === 0) {
    const environment = { ...ports, hostLoop, threads: undefined };
    return { threads: undefined, open: (options) => openDatabase(directory, options, environment) };
  }
  const threads = new SimulatedThreads(ports, new SeededRandom(seed), workerCount, LATE_EVERY);
  const interleaved = observed(fs, {
    before: () => {
      threads.run();
      return false;
    },
  });
  const environment = { ...ports, fs: interleaved, hostLoop, threads };
  return { threads, open: (options) => openDatabase(directory, options, environment) };
}

/** Threads share memory with the database, which pages have only if they are isolated. */
const HAS_THREADS = typeof SharedArrayBuffer !== 'undefined';

/**
 * Opens the database in `fs`, in a world of the seed: where that is odd with threads if there can
 * be any, where it is even without.
 */
export function openSeeded(fs: Fs, seed: number, options: DbOptions = {}): Promise<Db> {
  const clock = new SimulatedClock(1_700_000_000_000);
  const workerCount = seed % 2 === 0 || !HAS_THREADS ? 0 : 1 + (seed % 3);
  const turn = () => Promise.resolve();
  return processOf({ fs, clock, seed, workerCount, turn }).open(options);
}

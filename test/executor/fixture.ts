/**
 * Databases whose background work is done by simulated threads.
 * @module
 */
import { portableCompression } from '../../src/compress/portable.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { Db } from '../../src/db/database.ts';
import { openDatabase } from '../../src/db/open.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { WorkerThreads } from '../../src/executor/port.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { SimulatedThreads } from '../../src/testing/simulated-threads.ts';

export const DIRECTORY = 'db';

/** So small that there is always something to do. */
export const SMALL: DbOptions = {
  writeBufferBytes: 64 * 1024,
  targetTableBytes: 64 * 1024,
  baseLevelBytes: 128 * 1024,
  levelRatio: 3,
  l0TriggerCount: 3,
  blockSizeBytes: 1024,
};

export interface World {
  readonly db: Db;
  readonly threads: SimulatedThreads;
  readonly clock: SimulatedClock;
}

/**
 * @param change replaces the threads by others that are made of them
 * @param workerFs what the workers have of the same files
 */
export async function openThreaded(
  fs: Fs,
  options: DbOptions,
  change: (threads: SimulatedThreads, clock: SimulatedClock) => WorkerThreads = (same) => same,
  workerFs: Fs = fs,
): Promise<World> {
  const clock = new SimulatedClock(1_700_000_000_000);
  const ports = {
    fs,
    clock,
    random: new SeededRandom(1),
    compression: portableCompression,
    crypto: nodeCrypto(),
  };
  const threads = new SimulatedThreads({ ...ports, fs: workerFs }, new SeededRandom(2));
  const hostLoop = {
    turn: () => Promise.resolve(),
    delay: async (milliseconds: number) => clock.advance(milliseconds),
  };
  const environment = { ...ports, hostLoop, threads: change(threads, clock) };
  return { db: await openDatabase(DIRECTORY, options, environment), threads, clock };
}

export function keyAt(i: number): string {
  return `key ${String(i).padStart(6, '0')}`;
}

/** Writes `count` entries in mixed order, a third of them overwritten by the next round. */
export function write(db: Db, count: number, round: number): void {
  for (let i = 0; i < count; i++) {
    const n = (i * 7919) % count;
    if (n % 3 === 0 || round === 0) db.put(keyAt(n), valueAt(n, round));
  }
}

export function valueAt(n: number, round: number): Uint8Array {
  return new Uint8Array(100).fill(n + round);
}

/** True if each entry is what rounds 0 to `rounds` have left. */
export function isComplete(db: Db, count: number, rounds: number): boolean {
  let n = 0;
  for (const [key, value] of db.entries()) {
    const round = n % 3 === 0 ? rounds : 0;
    if (new TextDecoder().decode(key) !== keyAt(n)) return false;
    if (Buffer.compare(value, valueAt(n, round)) !== 0) return false;
    n++;
  }
  return n === count;
}

/** Names of table files that the database does not know. */
export function orphans(fs: MemoryFs, db: Db): number {
  const files = fs.list(DIRECTORY).filter((name) => name.endsWith('.sst'));
  return files.length - db.stats().tableCount;
}

/**
 * A world for databases that depends on nothing but a seed.
 * @module
 */
import { portableCompression } from '../../src/compress/portable.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { Db } from '../../src/db/database.ts';
import { openDatabase } from '../../src/db/open.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { FileHandle, Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { SimulatedThreads } from '../../src/testing/simulated-threads.ts';

/** Where the database of a simulation is. */
export const DIRECTORY = 'db';

/**
 * Opens the database in `fs`; all that happens in it follows from the seed and the calls. Where the
 * seed is odd, background work is done by simulated threads, which take their steps between the
 * operations of the database on its files; where it is even, by the database in its own time.
 */
export function openSeeded(fs: Fs, seed: number, options: DbOptions = {}): Promise<Db> {
  const ports = {
    fs,
    clock: new SimulatedClock(1_700_000_000_000),
    random: new SeededRandom(seed),
    compression: portableCompression,
    crypto: nodeCrypto(),
  };
  const hostLoop = { turn: () => Promise.resolve() };
  if (seed % 2 === 0) {
    return openDatabase(DIRECTORY, options, { ...ports, hostLoop, threads: undefined });
  }
  const threads = new SimulatedThreads(ports, new SeededRandom(seed), 1 + (seed % 3));
  const interleaved = before(fs, () => threads.run());
  return openDatabase(DIRECTORY, options, { ...ports, fs: interleaved, hostLoop, threads });
}

/** A file system that calls `first` before each operation. */
function before<T extends Fs | FileHandle>(target: T, first: () => void): T {
  return new Proxy(target, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        first();
        const result: unknown = member.apply(object, args);
        return name === 'open' ? before(result as FileHandle, first) : result;
      };
    },
  });
}

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

/** Where the database of a simulation is. */
export const DIRECTORY = 'db';

/** Opens the database in `fs`; all that happens in it follows from the seed and the calls. */
export function openSeeded(fs: Fs, seed: number, options: DbOptions = {}): Promise<Db> {
  return openDatabase(DIRECTORY, options, {
    fs,
    clock: new SimulatedClock(1_700_000_000_000),
    random: new SeededRandom(seed),
    hostLoop: { turn: () => Promise.resolve() },
    compression: portableCompression,
    crypto: nodeCrypto(),
  });
}

/**
 * Options under which the proofs run: so small that flushes and compactions over several levels
 * happen all the time.
 * @module
 */
import type { DbOptions } from '../../src/db/options.ts';

const KIB = 1024;

const SMALL: DbOptions = {
  writeBufferBytes: 48 * KIB,
  targetTableBytes: 64 * KIB,
  baseLevelBytes: 64 * KIB,
  levelRatio: 2,
  l0TriggerCount: 2,
  blockSizeBytes: 1 * KIB,
  blockCacheBytes: 256 * KIB,
};

/** By a name for messages. */
export const SETTINGS: Readonly<Record<string, DbOptions>> = {
  small: SMALL,
  unfiltered: { ...SMALL, filterBitsPerKey: 0, restartInterval: 1 },
  unlogged: { ...SMALL, wal: false, blockSizeBytes: 512 },
  starved: { ...SMALL, blockCacheBytes: 0, openTablesMax: 16, writeBufferBytes: 16 * KIB },
  tiered: {
    ...SMALL,
    filterBitsPerKey: [12, 6, 0],
    l0TriggerCount: 4,
    restartInterval: 3,
    blockCacheBytes: 8 * KIB,
    walRecovery: 'absolute',
  },
  roomy: {},
};

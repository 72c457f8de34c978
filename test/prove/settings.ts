/**
 * Options under which the proofs run: so small that flushes and compactions over several levels
 * happen all the time.
 * @module
 */
import type { EncryptionOptions } from '../../src/crypto/key-options.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { testKeys } from '../block/pipelines.ts';

const KIB = 1024;

const SMALL: DbOptions = {
  writeBufferBytes: 48 * KIB,
  targetTableBytes: 64 * KIB,
  baseLevelBytes: 64 * KIB,
  levelRatio: 2,
  l0TriggerCount: 2,
  blockSizeBytes: 1 * KIB,
  blockCacheBytes: 256 * KIB,
  compression: 'none',
};

const AES: EncryptionOptions = { suite: 'aes-256-gcm', epoch: 1, keys: testKeys(2) };
const CHACHA: EncryptionOptions = { suite: 'chacha20-poly1305', epoch: 2, keys: testKeys(2) };

const DICTIONARY: Uint8Array = new TextEncoder().encode('"word1":"word2":"word3":"word4":');

/** Options that switch stages on, to be put over others. */
export const STAGES = {
  compressed: { compression: ['lz4', 'zstd'], walCompression: 'lz4' },
  encrypted: { encryption: AES },
  coded: { ecc: { scheme: 'secded' } },
  everything: {
    compression: { codec: 'zstd', level: 1, dictionary: DICTIONARY },
    walCompression: 'lz4',
    encryption: { ...CHACHA, encryptExisting: true },
    ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
  },
  striped: { ecc: { scheme: 'none', stripe: { data: 4, parity: 1 } } },
  fortified: {
    encryption: AES,
    ecc: { scheme: 'xor', data: 3, stripe: { data: 5, parity: 2 } },
  },
} as const satisfies Readonly<Record<string, DbOptions>>;

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
    entryChecksums: true,
    blockCacheBytes: 8 * KIB,
    walRecovery: 'absolute',
  },
  roomy: {},
  compressed: { ...SMALL, ...STAGES.compressed, blockCacheBytes: 8 * KIB },
  encrypted: { ...SMALL, ...STAGES.encrypted },
  coded: { ...SMALL, ...STAGES.coded, blockSizeBytes: 512 },
  striped: { ...SMALL, ...STAGES.striped, blockSizeBytes: 512 },
  fortified: { ...SMALL, ...STAGES.fortified },
  everything: {
    ...SMALL,
    ...STAGES.everything,
    compression: { codec: 'zstd', level: 1, dictionary: { trainedBytes: 1024 } },
    blockCacheBytes: 8 * KIB,
  },
};

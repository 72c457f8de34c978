/**
 * Pipelines for tests of the layers below the database.
 * @module
 */

import type { Correction } from '../../src/block/block-reader.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { Pipeline } from '../../src/block/pipeline.ts';
import type { CodecSettings } from '../../src/compress/options.ts';
import {
  type CompressionChoice,
  parseCompression,
  settingsFor,
} from '../../src/compress/options.ts';
import { portableCompression } from '../../src/compress/portable.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { CryptoPrimitives, SuiteName } from '../../src/crypto/port.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import type { Random } from '../../src/env/port.ts';
import type { VarveError } from '../../src/errors.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

/** What a test's pipeline is made of. */
export interface PipelineChoice {
  readonly random?: Random;
  readonly suite?: SuiteName;
  /** Epoch e has 32 bytes of value e for key. */
  readonly epoch?: number;
  readonly crypto?: CryptoPrimitives;
  /** Of manifest and logs. */
  readonly ecc?: EccOptions;
  readonly walCompression?: 'none' | 'lz4';
  readonly corrections?: Correction[];
}

/** The id of the database that these pipelines belong to. */
export const DATABASE_ID: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => i);

/** A pipeline with every stage off. */
export function plainPipeline(
  random: Random = new SeededRandom(1),
  onCloseFailed?: (error: VarveError) => void,
): Pipeline {
  const pipeline = new Pipeline({
    random,
    compression: portableCompression,
    keys: undefined,
    logEcc: undefined,
    logCompression: 'none',
    onCorrection: () => {},
    onCloseFailed,
  });
  pipeline.databaseId = DATABASE_ID;
  return pipeline;
}

/** A pipeline with the chosen stages; zstd and checksums are ready. */
export async function pipelineOf(choice: PipelineChoice): Promise<Pipeline> {
  await loadChecksum();
  const { suite, epoch = 1, crypto = nodeCrypto(), corrections = [] } = choice;
  const pipeline = new Pipeline({
    random: choice.random ?? new SeededRandom(1),
    compression: portableCompression,
    keys:
      suite === undefined
        ? undefined
        : await KeyRing.open(crypto, { suite, epoch, keys: testKeys(epoch) }),
    logEcc: choice.ecc,
    logCompression: choice.walCompression ?? 'none',
    onCorrection: (correction) => corrections.push(correction),
  });
  pipeline.databaseId = DATABASE_ID;
  await pipeline.loadZstd();
  return pipeline;
}

/** Keys of the epochs 1 to `epoch`. */
export function testKeys(epoch: number): Record<number, Uint8Array> {
  const keys: Record<number, Uint8Array> = {};
  for (let e = 1; e <= epoch; e++) keys[e] = new Uint8Array(32).fill(e);
  return keys;
}

/** Settings of one way to compress. */
export function codecSettings(choice: CompressionChoice): CodecSettings {
  return settingsFor(parseCompression(choice, 1), 0);
}

/** The part of a table writer's options in which no stage is on. */
export const PLAIN_STORAGE: { compression: CodecSettings; protection: typeof UNPROTECTED } = {
  compression: codecSettings('none'),
  protection: UNPROTECTED,
};

/** The part of a table's meta in which no stage is on. */
export const PLAIN_META: Pick<TableMeta, 'codecId' | 'protection' | 'salt'> = {
  codecId: 0,
  protection: UNPROTECTED,
  salt: undefined,
};

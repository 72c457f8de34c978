/**
 * Tables with stripes, and what tests do to them.
 * @module
 */
import assert from 'node:assert/strict';
import type { Correction } from '../../src/block/block-reader.ts';
import type { FileProtection } from '../../src/block/file-protection.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import type { EccOptions, StripeOptions } from '../../src/ecc/options.ts';
import { StripeLayout } from '../../src/ecc/stripe-layout.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { pipelineOf } from '../block/pipelines.ts';
import { CODECS, type Entry, OPTIONS, TABLE_PATH, writeTable } from './table-model.ts';

/** One table, whole, with what it holds. */
export interface Sample {
  readonly entries: readonly Entry[];
  readonly meta: TableMeta;
  readonly bytes: Uint8Array;
  readonly layout: StripeLayout;
  readonly pipeline: Pipeline;
  readonly corrections: Correction[];
}

/** Entries whose values no codec makes shorter. */
export function noiseOf(count: number, valueBytes: number): Entry[] {
  const random = new SeededRandom(5);
  return Array.from({ length: count }, (_, i) => {
    const value = new Uint8Array(valueBytes);
    random.fill(value);
    const key = new TextEncoder().encode(`key${String(i).padStart(6, '0')}`);
    return { key, seqno: i + 1, kind: KIND_PUT, value };
  });
}

export async function sampleOf(
  ecc: EccOptions & { stripe: StripeOptions },
  entries: readonly Entry[],
  isSealed = false,
): Promise<Sample> {
  const corrections: Correction[] = [];
  const pipeline = await pipelineOf({ ...(isSealed ? { suite: 'aes-256-gcm' } : {}), corrections });
  const fs = new MemoryFs();
  const protection: FileProtection = pipeline.protection(isSealed, ecc);
  const compression = CODECS[isSealed ? 'lz4' : 'none']!;
  const options = { ...OPTIONS, blockSizeBytes: 1500, compression, protection };
  const meta = writeTable(fs, entries, options, pipeline);
  const bytes = new Uint8Array(meta.sizeBytes);
  const file = fs.open(TABLE_PATH, 'read');
  assert.equal(file.read(bytes, 0, bytes.length, 0), bytes.length);
  const layout = StripeLayout.ofFile(ecc.stripe, bytes.length)!;
  return { entries, meta, bytes, layout, pipeline, corrections };
}

/** A file system that holds the table. */
export function fsWith(bytes: Uint8Array): MemoryFs {
  const fs = new MemoryFs();
  fs.createDirectory('dir');
  const file = fs.open(TABLE_PATH, 'create');
  file.write(bytes, 0, bytes.length, 0);
  file.close();
  return fs;
}

/** A copy in which a range has other bytes: `fill`, or below 0 each one changed. */
export function withHole(
  bytes: Uint8Array,
  from: number,
  length: number,
  fill: number,
): Uint8Array {
  const damaged = bytes.slice();
  const end = Math.min(from + length, bytes.length);
  for (let at = from; at < end; at++) damaged[at] = fill < 0 ? bytes[at]! ^ 0x5a : fill;
  return damaged;
}

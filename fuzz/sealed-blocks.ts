/**
 * Fuzz target: blocks whose payload is wrong although their checksum is right, under random stages,
 * as a bug in another version or an attacker could make them. Values cannot be expected to be
 * right; but there is no hang, no broken invariant and no error but a VarveError.
 * @module
 */
import { BLOCK_CONTENT_BYTES_MAX } from '../src/block/block-format.ts';
import type { Db } from '../src/db/database.ts';
import type { DbOptions } from '../src/db/options.ts';
import { VarveError } from '../src/errors.ts';
import type { MemoryFs } from '../src/fs/memory.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import type { Sample } from '../test/prove/damage.ts';
import { openSeeded } from '../test/prove/environment.ts';
import { Forger, type FoundBlock } from './forger.ts';
import { Samples } from './samples.ts';

/** No scan of the sample is longer than this, unless it goes in circles. */
const ENTRIES_MAX = 100_000;

/**
 * Changes the payload of a block `runs` times, seals it anew and reads everything.
 * @returns the number of blocks of all samples, and how often the database could not be opened
 * @throws Error that names the run, for an error that is no VarveError
 */
export async function fuzzSealedBlocks(
  seed: number,
  runs: number,
): Promise<{ blocks: number; refused: number }> {
  const samples = await Samples.make();
  const forgers = new Map<Sample, Forger>();
  let blocks = 0;
  for (const sample of samples.all) {
    const forger = await Forger.of(sample);
    forgers.set(sample, forger);
    blocks += forger.blocks.length;
  }
  const random = new SeededRandom(seed);
  let refused = 0;
  for (let run = 0; run < runs; run++) {
    const { stages, sample } = samples.pick(random);
    const fs = sample.fs.clone();
    const forger = forgers.get(sample)!;
    const block = forger.blocks[random.below(forger.blocks.length)]!;
    forge(forger, fs, block, random);
    try {
      if (!(await readAll(fs, sample.options))) refused++;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const where = `stages ${stages}, ${block.name}, block of type ${block.type}`;
      throw new Error(`seed ${seed}, run ${run}, ${where} at ${block.position}: ${why}`, { cause });
    }
  }
  return { blocks, refused };
}

/** Changes some bytes of the payload, which may be compressed, or what it is said to hold. */
function forge(forger: Forger, fs: MemoryFs, block: FoundBlock, random: SeededRandom): void {
  if (random.chance(0.1)) {
    const lengths = [0, 1, block.length, 0x10_0000, BLOCK_CONTENT_BYTES_MAX];
    const contentLen = lengths[random.below(lengths.length)]! + random.below(3);
    forger.forge(fs, block, () => {}, Math.min(contentLen, BLOCK_CONTENT_BYTES_MAX));
    return;
  }
  const changes = 1 + random.below(3);
  forger.forge(fs, block, (payload) => {
    for (let i = 0; i < changes && payload.length > 0; i++) {
      const at = random.below(payload.length);
      payload[at] = changed(payload[at]!, random);
    }
  });
}

/** Lengths and counts break at their edges. */
function changed(byte: number, random: SeededRandom): number {
  const kind = random.below(5);
  if (kind === 0) return 0;
  if (kind === 1) return 0xff;
  if (kind === 2) return byte + 1;
  if (kind === 3) return byte - 1;
  return random.below(256);
}

/** @returns false when the database could not be opened */
async function readAll(fs: MemoryFs, options: DbOptions): Promise<boolean> {
  let db: Db;
  try {
    db = await openSeeded(fs, 3, { ...options, createIfMissing: false });
  } catch (error) {
    expectTyped(error);
    return false;
  }
  for (const columnFamily of db.listColumnFamilies()) {
    attempt(() => scan(db.entries({ columnFamily })));
    attempt(() => scan(db.entries({ columnFamily, reverse: true })));
    for (let i = 0; i < 30; i++) {
      const key = `key-${i.toString().padStart(2, '0')}`;
      attempt(() => db.get(key, { columnFamily }));
      attempt(() => scan(db.keys({ columnFamily, gt: key, limit: 2 })));
      attempt(() => db.approximateSize({ columnFamily, lt: key }));
    }
  }
  await db.verify();
  // A compaction stops at keys out of order as at a bug of its own, and says so with the cause.
  for (const end of [() => db.compact(), () => db.close()]) {
    try {
      await end();
    } catch (error) {
      if (!(error instanceof VarveError)) throw error;
    }
  }
  return true;
}

function scan(parts: Iterable<unknown>): void {
  let count = 0;
  for (const _ of parts) {
    if (++count > ENTRIES_MAX) throw new Error('a scan has no end');
  }
}

function attempt(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expectTyped(error);
  }
}

function expectTyped(error: unknown): void {
  if (!(error instanceof VarveError)) throw error;
  const { cause } = error;
  if (cause instanceof Error && !(cause instanceof VarveError)) throw cause;
}

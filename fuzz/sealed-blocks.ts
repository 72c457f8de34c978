/**
 * Fuzz target: blocks whose content is wrong although their checksum is right, as a bug in another
 * version or an attacker could make them. Values cannot be expected to be right; but there is no
 * hang, no broken invariant and no error but a VarveError.
 * @module
 */
import { BlockCodec } from '../src/block/block-codec.ts';
import { decodeFileHeader } from '../src/block/file-header.ts';
import type { Db } from '../src/db/database.ts';
import { VarveError } from '../src/errors.ts';
import type { MemoryFs } from '../src/fs/memory.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { contentOf, fileOf, makeSample } from '../test/prove/damage.ts';
import { openSeeded } from '../test/prove/environment.ts';

/** No scan of the sample is longer than this, unless it goes in circles. */
const ENTRIES_MAX = 100_000;

interface FoundBlock {
  readonly name: string;
  readonly salt: Uint8Array;
  readonly type: number;
  readonly contentOff: number;
  readonly contentLen: number;
  readonly position: number;
}

/**
 * Changes the content of blocks `runs` times, seals them anew and reads everything.
 * @returns the number of blocks, and how often the database could not be opened
 * @throws Error that names the run, for an error that is no VarveError
 */
export async function fuzzSealedBlocks(
  seed: number,
  runs: number,
): Promise<{ blocks: number; refused: number }> {
  const sample = await makeSample();
  const blocks = sample.files.flatMap((name) => blocksOf(sample.fs, name));
  const random = new SeededRandom(seed);
  let refused = 0;
  for (let run = 0; run < runs; run++) {
    const fs = sample.fs.clone();
    const block = blocks[random.below(blocks.length)]!;
    reseal(fs, block, random);
    try {
      if (!(await readAll(fs))) refused++;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const where = `${block.name}, block of type ${block.type} at ${block.position}`;
      throw new Error(`seed ${seed}, run ${run}, ${where}: ${why}`, { cause });
    }
  }
  return { blocks: blocks.length, refused };
}

/** All blocks of a file, found by trying every position. */
function blocksOf(fs: MemoryFs, name: string): FoundBlock[] {
  const bytes = contentOf(fileOf(fs, name));
  const salt = decodeFileHeader(bytes, bytes.length, name)?.salt;
  if (salt === undefined) return [];
  const codec = new BlockCodec(name, salt);
  const found: FoundBlock[] = [];
  for (let position = 0; position < bytes.length; position++) {
    if (codec.inspect(bytes, position, bytes.length, position) !== 'none') continue;
    const { blockType: type, contentOff, contentLen } = codec;
    found.push({ name, salt, type, contentOff, contentLen, position });
  }
  return found;
}

function reseal(fs: MemoryFs, block: FoundBlock, random: SeededRandom): void {
  const { name, salt, type, contentOff, contentLen, position } = block;
  const file = fileOf(fs, name);
  const bytes = contentOf(file);
  if (contentLen > 0) {
    const changes = 1 + random.below(3);
    for (let i = 0; i < changes; i++) {
      const at = contentOff + random.below(contentLen);
      bytes[at] = changed(bytes[at]!, random);
    }
  }
  const codec = new BlockCodec(name, salt);
  codec.seal(type, bytes, contentOff, contentLen, position);
  file.write(bytes, 0, bytes.length, 0);
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
async function readAll(fs: MemoryFs): Promise<boolean> {
  let db: Db;
  try {
    db = await openSeeded(fs, 3, { createIfMissing: false });
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

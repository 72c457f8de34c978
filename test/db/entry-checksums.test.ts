/**
 * Entry checksums from the write to the table: a bit that flips in memory at any stage is an error
 * that names the stage, and what was sound before stays readable.
 */
import assert from 'node:assert/strict';
import { afterEach, suite, test } from 'node:test';
import { DataBlockBuilder } from '../../src/block/data-block-builder.ts';
import { DataBlockCheck } from '../../src/block/data-block-check.ts';
import { DataBlock } from '../../src/block/data-block-reader.ts';
import { ArenaPool } from '../../src/bytes/arena.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { BlockCache, type CacheEntry } from '../../src/cache/block-cache.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { OPERATIONS_OFF, WriteBatch } from '../../src/db/write-batch.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { Memtable } from '../../src/memtable/memtable.ts';
import { open } from '../../src/node.ts';
import { BlockCompressor } from '../../src/sstable/block-compressor.ts';
import type { CachedBlock } from '../../src/sstable/cached-block.ts';
import { TableWriter } from '../../src/sstable/table-writer.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { fill, keyAt, openMemory, PATH, text } from './helpers.ts';

/** A value that is found again wherever it lies in memory. */
const MARK = 'a value like no other';
const ON: DbOptions = { entryChecksums: true };

/** Matches the error of a stage, which holds no byte of a key or value. */
function names(stage: RegExp): (error: unknown) => boolean {
  return (error) =>
    isVarveError(error, 'CORRUPTION') &&
    stage.test(error.message) &&
    /changed in memory/.test(error.message) &&
    !error.message.includes(MARK.slice(0, 7)) &&
    !error.message.includes('k001');
}

/** Flips one bit of the mark in a buffer; returns how often it was there. */
function flipMark(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
  let count = 0;
  for (let at = buffer.indexOf(MARK); at >= 0; at = buffer.indexOf(MARK, at + 1)) {
    bytes[at + 3]! ^= 0x10;
    count++;
  }
  return count;
}

/** Methods that a test looks in through, as they were. */
const undo: (() => void)[] = [];

function replace<T extends object, K extends keyof T>(target: T, name: K, method: T[K]): void {
  const before = target[name];
  target[name] = method;
  undo.push(() => {
    target[name] = before;
  });
}

/** All memory that arenas take from now on. */
function watchArenas(): Uint8Array[] {
  const found: Uint8Array[] = [];
  const { take } = ArenaPool.prototype;
  replace(ArenaPool.prototype, 'take', function (this: ArenaPool, sizeBytes) {
    const buffer = take.call(this, sizeBytes);
    found.push(buffer.bytes);
    return buffer;
  });
  return found;
}

/** All blocks that go into caches from now on. */
function watchCache(): CachedBlock[] {
  const found: CachedBlock[] = [];
  const { add } = BlockCache.prototype;
  replace(BlockCache.prototype, 'add', function (this: BlockCache, entry: CacheEntry, ...rest) {
    found.push(entry as CachedBlock);
    return add.call(this, entry, ...rest);
  });
  return found;
}

/** Flips the mark in every data block right before it is finished; returns how often. */
function flipInBlocks(): () => number {
  let count = 0;
  const writers = new Set<ByteWriter>();
  const { finish } = DataBlockBuilder.prototype;
  const { bytes } = ByteWriter.prototype;
  replace(ByteWriter.prototype, 'bytes', function (this: ByteWriter, ...range) {
    writers.add(this);
    bytes.call(this, ...range);
  });
  replace(DataBlockBuilder.prototype, 'finish', function (this: DataBlockBuilder) {
    for (const writer of writers) count += flipMark(writer.buf.subarray(0, writer.length));
    finish.call(this);
  });
  return () => count;
}

/** Key 1 holds the mark. */
function fillWithMark(db: Db, columnFamily = 'default'): void {
  fill(db, 40, 10, columnFamily);
  db.put(keyAt(1), MARK, { columnFamily });
}

/** Background work failed: reads go on, writes say why. */
function assertReadableOnly(db: Db, stage: RegExp): void {
  assert.equal(db.get(keyAt(2))?.length, 10);
  assert.equal([...db.keys()].length, 40);
  assert.throws(() => db.put('more', 'x'), stage);
}

afterEach(() => {
  for (const restore of undo.splice(0)) restore();
});

suite('a bit that flips in memory', () => {
  test('in a batch is found before the log has it, and writing goes on', async () => {
    const fs = new MemoryFs();
    const db = await openMemory({ ...ON, fs, columnFamilies: ['other'] });
    const other = db.columnFamily('other');
    const batches = [
      new WriteBatch({ entryChecksums: true }).put('k000', 'x').put('k001', MARK),
      new WriteBatch().put('k000', 'x', other).put('k001', MARK, other),
      new WriteBatch().put('k001', MARK, db.columnFamily('default')),
    ];
    for (const batch of batches) {
      const before = [db.seqno, walBytes(fs)];
      assert.equal(flipMark(WriteBatch.encoderOf(batch).writer.buf), 1);
      assert.throws(() => db.write(batch), names(/write batch, operation [01], column family/));
      assert.deepEqual([db.seqno, walBytes(fs)], before);
      assert.equal(db.get('k001'), undefined);
      batch.clear().put('k001', MARK, other);
      db.write(batch);
    }
    assert.equal(text(db.get('k001', { columnFamily: other })), MARK);
    await db.close();
  });

  test('in the family, kind or a length of a batch is found too', async () => {
    const db = await openMemory({ ...ON, columnFamilies: ['one', 'two'] });
    const one = db.columnFamily('one');
    const { length } = WriteBatch.encoderOf(new WriteBatch().put('k', 'v', one)).writer;
    for (let bit = OPERATIONS_OFF * 8; bit < length * 8; bit++) {
      const batch = new WriteBatch().put('k', 'v', one);
      WriteBatch.encoderOf(batch).writer.buf[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => db.write(batch), names(/write batch, operation 0/), `bit ${bit}`);
    }
    assert.equal(db.seqno, 0);
    await db.close();
  });

  test('in a batch without handles is found once the batch was written', async () => {
    const db = await openMemory(ON);
    const batch = new WriteBatch().put('k001', MARK);
    db.write(batch);
    flipMark(WriteBatch.encoderOf(batch).writer.buf);
    assert.throws(
      () => db.write(batch),
      names(/write batch, operation 0, column family 'default'/),
    );
    await db.close();
  });

  test('is not confused with a batch that was cleared and filled anew', async () => {
    const db = await openMemory({ columnFamilies: { other: { entryChecksums: true } } });
    const other = db.columnFamily('other');
    const batch = new WriteBatch().put('k000', 'x', other).put('k001', 'y', other);
    db.write(batch.clear().put('k000', 'z').put('k001', MARK, other));
    assert.equal(text(db.get('k000')), 'z');
    assert.equal(text(db.get('k001', { columnFamily: other })), MARK);
    await db.close();
  });

  test('in a memtable stops the flush', async () => {
    const arenas = watchArenas();
    const db = await openMemory(ON);
    fillWithMark(db);
    assert.equal(
      arenas.map(flipMark).reduce((sum, count) => sum + count),
      1,
    );
    const stage = /flush input, column family 'default', seqno 41/;
    await assert.rejects(db.flush(), names(stage));
    assertReadableOnly(db, stage);
    await assert.rejects(db.close(), names(stage));
  });

  test('in a key of a memtable stops the flush, instead of passing for another key', async () => {
    const arenas = watchArenas();
    const db = await openMemory(ON);
    db.put('one key', 'old');
    db.put('two key', 'new');
    for (const bytes of arenas) {
      const at = Buffer.from(bytes.buffer as ArrayBuffer).indexOf('two key');
      if (at >= 0) bytes.set(Buffer.from('one'), at);
    }
    await assert.rejects(db.flush(), names(/flush input, column family 'default', seqno 2/));
    await assert.rejects(db.close());
  });

  test('in a version that the flush would leave out stops it too', async () => {
    const arenas = watchArenas();
    const db = await openMemory(ON);
    db.put(keyAt(1), MARK);
    db.put(keyAt(1), 'newer');
    arenas.map(flipMark);
    await assert.rejects(db.flush(), names(/flush input, column family 'default', seqno 1/));
    await assert.rejects(db.close());
  });

  test('in a block that waits for a dictionary stops the table', async () => {
    const options = { compression: { codec: 'zstd', dictionary: { trainedBytes: 1024 } } } as const;
    const db = await openMemory({ ...ON, ...options });
    fillWithMark(db);
    let count = 0;
    const { release } = BlockCompressor.prototype;
    replace(BlockCompressor.prototype, 'release', function (this: BlockCompressor) {
      const contents = [...release.call(this)];
      for (const content of contents) count += flipMark(content);
      return contents;
    });
    await assert.rejects(
      db.flush(),
      names(/flush output block, column family 'default', seqno 41/),
    );
    assert.equal(count, 1);
    await assert.rejects(db.close());
  });

  test('in a memtable filled from the log stops the flush that ends the opening', async () => {
    const fs = new MemoryFs();
    const arenas = watchArenas();
    const first = await openMemory({ ...ON, fs, columnFamilies: ['other'] });
    fillWithMark(first, 'other');
    // As after the death of the process: what the log holds is all there is.
    const left = fs.clone();
    await first.close();
    arenas.length = 0;
    const { putChecked } = Memtable.prototype;
    replace(Memtable.prototype, 'putChecked', function (this: Memtable, ...entry) {
      putChecked.call(this, ...entry);
      arenas.map(flipMark);
    });
    const stage = /flush input, column family 'other', seqno 41/;
    await assert.rejects(open(PATH, { ...ON, fs: left }), names(stage));
  });

  test('in a cached block stops the compaction that takes it from the cache', async () => {
    const blocks = watchCache();
    const db = await openMemory(ON);
    fillWithMark(db);
    await db.flush();
    fill(db, 1);
    await db.flush();
    assert.equal(text(db.get(keyAt(1))), MARK);
    assert.equal(
      blocks.map((block) => flipMark(block.buf)).reduce((sum, n) => sum + n),
      1,
    );
    const stage = /compaction input, column family 'default', seqno 41/;
    await assert.rejects(db.compact(), names(stage));
    assertReadableOnly(db, stage);
    await db.resume();
    await db.compact();
    assert.equal(text(db.get(keyAt(1))), MARK, 'the file was sound, and resume went back to it');
    await db.close();
  });

  test('in the block that a flush builds stops it', async () => {
    const db = await openMemory(ON);
    fillWithMark(db);
    const flips = flipInBlocks();
    const stage = /flush output block, column family 'default', seqno 41/;
    await assert.rejects(db.flush(), names(stage));
    assert.equal(flips(), 1);
    assertReadableOnly(db, stage);
    for (const restore of undo.splice(0)) restore();
    await db.resume();
    await db.flush();
    assert.equal(text(db.get(keyAt(1))), MARK);
    await db.close();
  });

  test('in the block that a compaction builds stops it', async () => {
    const db = await openMemory({ ...ON, columnFamilies: { other: { entryChecksums: false } } });
    fillWithMark(db);
    await db.flush();
    fill(db, 1);
    await db.flush();
    const flips = flipInBlocks();
    const stage = /compaction output block, column family 'default', seqno 0/;
    await assert.rejects(db.compact(), names(stage));
    assert.equal(flips(), 1);
    assertReadableOnly(db, stage);
    await db.close();
  });
});

suite('a table with a wrong entry checksum under right block checksums', () => {
  /** Spoils the checksum of one entry, behind the back of the check that would find it. */
  async function spoiled(fs: MemoryFs): Promise<Db> {
    const db = await openMemory({ ...ON, fs });
    const { addChecksum } = TableWriter.prototype;
    let count = 0;
    replace(DataBlockCheck.prototype, 'isSound', () => true);
    replace(TableWriter.prototype, 'addChecksum', function (this: TableWriter, checksum) {
      addChecksum.call(this, count++ === 7 ? checksum ^ 1 : checksum);
    });
    fillWithMark(db);
    await db.flush();
    for (const restore of undo.splice(0)) restore();
    return db;
  }

  test('is reported by verify, and stops the compaction that would copy it on', async () => {
    const db = await spoiled(new MemoryFs());
    const { uncorrectable } = await db.verify();
    assert.equal(uncorrectable.length, 1);
    assert.match(uncorrectable[0]!.file, /sst$/);
    fill(db, 40);
    await db.flush();
    await assert.rejects(db.compact(), names(/compaction input, column family 'default', seqno 8/));
    await db.close();
  });

  test('stops no write when compaction would meet it of its own accord', async () => {
    const db = await spoiled(new MemoryFs());
    for (let round = 0; round < 20; round++) {
      fill(db, 40);
      await db.flush();
    }
    await db.pauseBackgroundWork();
    const { backgroundError, damage, columnFamilies } = db.stats();
    assert.equal(backgroundError, undefined);
    assert.equal(new Set(damage.map(({ fileNumber }) => fileNumber)).size, 1);
    assert.ok(columnFamilies[0]!.levels[0]!.tableCount < 20, 'the others are merged');
    db.continueBackgroundWork();
    db.put('more', 'written');
    await db.close();
  });

  test('is also reported when there is none although the properties say so', async () => {
    const db = await openMemory(ON);
    fillWithMark(db);
    await db.flush();
    const { open: openBlock } = DataBlock.prototype;
    replace(DataBlock.prototype, 'open', function (this: DataBlock, ...place) {
      openBlock.call(this, ...place);
      this.checksumStart = 0;
    });
    assert.equal((await db.verify()).uncorrectable.length, 1);
    await db.close();
  });

  test('is copied by nobody and minded by nobody once the option is off', async () => {
    const fs = new MemoryFs();
    await (await spoiled(fs)).close();
    const db = await open(PATH, { fs });
    fill(db, 40);
    await db.flush();
    await db.compact();
    assert.deepEqual((await db.verify()).uncorrectable, []);
    await db.close();
  });
});

suite('without entry checksums', () => {
  test('the files are byte for byte those of a database that never heard of them', async () => {
    const contents: Map<string, string>[] = [];
    for (const options of [{}, { entryChecksums: false }, ON]) {
      const fs = new MemoryFs();
      const clock = { now: () => 5, monotonic: () => 0 };
      const db = await open(PATH, {
        ...options,
        fs,
        clock,
        random: new SeededRandom(1),
        compression: 'none',
      });
      fillWithMark(db);
      await db.flush();
      fillWithMark(db);
      await db.close();
      contents.push(
        new Map(fs.list(PATH).map((name) => [name, bytesOf(fs, name).toString('hex')])),
      );
    }
    const [absent, off, on] = contents as [
      Map<string, string>,
      Map<string, string>,
      Map<string, string>,
    ];
    assert.deepEqual(off, absent);
    const table = [...absent.keys()].find((name) => name.endsWith('.sst'))!;
    // Forty keys in one block: two hexadecimal digits for each of four bytes more.
    assert.equal(on.get(table)!.length - off.get(table)!.length, 40 * 4 * 2);
    for (const name of absent.keys()) {
      if (name.endsWith('.wal')) assert.equal(on.get(name)!.length, off.get(name)!.length);
    }
  });

  test('a flip passes unnoticed: this is what the option is for', async () => {
    const arenas = watchArenas();
    const db = await openMemory();
    fillWithMark(db);
    arenas.map(flipMark);
    await db.flush();
    assert.notEqual(text(db.get(keyAt(1))), MARK);
    assert.deepEqual((await db.verify()).uncorrectable, []);
    await db.close();
  });
});

function bytesOf(fs: MemoryFs, name: string): Buffer {
  const handle = fs.open(`${PATH}/${name}`, 'read');
  const buffer = Buffer.alloc(handle.size());
  handle.read(buffer, 0, buffer.length, 0);
  handle.close();
  return buffer;
}

function walBytes(fs: MemoryFs): number {
  const logs = fs.list(PATH).filter((name) => name.endsWith('.wal'));
  return logs.reduce((sum, name) => sum + bytesOf(fs, name).length, 0);
}

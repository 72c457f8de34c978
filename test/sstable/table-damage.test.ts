import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { hash32 } from '../../src/bytes/hash32.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { isVarveError, VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { KIND_DELETE, KIND_PUT, SEQNO_MAX } from '../../src/key/kind.ts';
import { Lookup } from '../../src/key/lookup.ts';
import type { Table } from '../../src/sstable/table.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { current, type Entry, openTable, TABLE_PATH, writeTable } from './table-model.ts';

before(loadChecksum);

const ENTRIES: Entry[] = Array.from({ length: 40 }, (_, i) => ({
  key: new TextEncoder().encode(`key${String(i).padStart(4, '0')}`),
  seqno: 100 + i,
  kind: i % 7 === 3 ? KIND_DELETE : KIND_PUT,
  value: i % 7 === 3 ? new Uint8Array(0) : new Uint8Array(20).fill(i + 1),
}));
const OPTIONS = { blockSizeBytes: 400, restartInterval: 4, filterBitsPerKey: 10 };

interface Fixture {
  readonly fs: MemoryFs;
  readonly meta: TableMeta;
  readonly bytes: Uint8Array;
}

function fixture(): Fixture {
  const fs = new MemoryFs();
  const meta = writeTable(fs, ENTRIES, OPTIONS);
  const bytes = new Uint8Array(meta.sizeBytes);
  fs.open(TABLE_PATH, 'read').read(bytes, 0, bytes.length, 0);
  return { fs, meta, bytes };
}

/** Runs `use`, which may fail only with a damage error naming the file; tells whether it did. */
function failsTyped(use: () => void): boolean {
  try {
    use();
    return false;
  } catch (error) {
    assert.ok(isVarveError(error), `not a VarveError: ${String(error)}`);
    assert.ok(error.code === 'CORRUPTION' || error.code === 'UNSUPPORTED', error.code);
    assert.equal(error.file, TABLE_PATH);
    assert.equal(typeof error.offset, 'number');
    return true;
  }
}

/** Every read through the table gives the right answer or a typed error. */
function readAll(table: Table): void {
  const out = new Lookup();
  for (const { key, seqno, kind, value } of ENTRIES) {
    failsTyped(() => {
      const hash = hash32(key, 0, key.length);
      assert.equal(table.get(key, 0, key.length, hash, SEQNO_MAX, out), true);
      const got = out.valBuf.slice(out.valOff, out.valOff + out.valLen);
      assert.equal(out.seqno, seqno);
      assert.equal(out.kind, kind);
      assert.equal(compareKeys(got, value), 0);
    });
  }
  const cursor = table.cursor({ fillCache: false, readAheadBytes: 600 });
  failsTyped(() => {
    let i = 0;
    for (let more = cursor.first(); more; more = cursor.next()) {
      assert.deepEqual(current(cursor), ENTRIES[i++]);
    }
    assert.equal(i, ENTRIES.length);
  });
  failsTyped(() => {
    let i = ENTRIES.length;
    for (let more = cursor.last(); more; more = cursor.prev()) {
      assert.deepEqual(current(cursor), ENTRIES[--i]);
    }
    assert.equal(i, 0);
  });
}

test('any flipped byte gives right values or typed errors, and verify or open detects it', () => {
  const { fs, meta, bytes } = fixture();
  const handle = fs.open(TABLE_PATH, 'update');
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [0xff, 1 << (at % 8)]) {
      handle.write(Uint8Array.of(bytes[at]! ^ flip), 0, 1, at);
      const detected = failsTyped(() => {
        const table = openTable(fs, meta, new BlockCache(100_000));
        readAll(table);
        table.verify();
      });
      assert.ok(detected, `flip of byte ${at} was not detected`);
      handle.write(bytes, at, 1, at);
    }
  }
  readAll(openTable(fs, meta));
});

test('verify names the block that is damaged', () => {
  const { fs, meta, bytes } = fixture();
  const sound = openTable(fs, meta);
  const second = sound.approximateOffset(ENTRIES[15]!.key, 0, ENTRIES[15]!.key.length);
  assert.ok(second > 128);
  const handle = fs.open(TABLE_PATH, 'update');
  handle.write(Uint8Array.of(bytes[second + 30]! ^ 1), 0, 1, second + 30);
  assert.throws(
    () => sound.verify(),
    (error) => error instanceof VarveError && error.offset === second && error.file === TABLE_PATH,
  );
});

test('every shorter or longer file is refused, also when the manifest agrees on its size', () => {
  const { fs, meta, bytes } = fixture();
  const handle = fs.open(TABLE_PATH, 'update');
  for (let size = bytes.length - 1; size >= 0; size--) {
    handle.truncate(size);
    assert.ok(failsTyped(() => openTable(fs, meta)));
    assert.ok(failsTyped(() => openTable(fs, { ...meta, sizeBytes: size })));
  }
  handle.write(bytes, 0, bytes.length, 0);
  handle.truncate(bytes.length + 1);
  assert.ok(failsTyped(() => openTable(fs, meta)));
});

test('a file of another number or another table of the same size is refused', () => {
  const { fs, meta } = fixture();
  assert.ok(failsTyped(() => openTable(fs, { ...meta, fileNumber: 8 })));
  const other = openTable(fs, { ...meta, checksumLow: meta.checksumLow ^ 1 });
  assert.ok(failsTyped(() => other.verify()));
  for (const wrong of [
    { entryCount: 41 },
    { tombstoneCount: 0 },
    { rawBytes: 1 },
    { smallestSeqno: 1 },
    { largestSeqno: 1 },
    { smallestKey: new Uint8Array(1) },
    { largestKey: new Uint8Array(1) },
  ]) {
    assert.ok(failsTyped(() => openTable(fs, { ...meta, ...wrong }).verify()));
  }
});

test('a file that shrinks while it is open gives typed errors', () => {
  const { fs, meta, bytes } = fixture();
  const table = openTable(fs, meta);
  fs.open(TABLE_PATH, 'update').truncate(Math.floor(bytes.length / 2));
  readAll(table);
  assert.ok(failsTyped(() => table.verify()));
});

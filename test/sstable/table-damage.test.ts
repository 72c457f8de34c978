/**
 * Tables that are damaged anywhere.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Correction } from '../../src/block/block-reader.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { hash32 } from '../../src/bytes/hash32.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { isVarveError, VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { KIND_DELETE, KIND_PUT, SEQNO_MAX } from '../../src/key/kind.ts';
import { Lookup } from '../../src/key/lookup.ts';
import type { Table } from '../../src/sstable/table.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import type { TableWriterOptions } from '../../src/sstable/table-writer.ts';
import { PLAIN_STORAGE, pipelineOf } from '../block/pipelines.ts';
import {
  CODECS,
  current,
  type Entry,
  openTable,
  PROTECTIONS,
  TABLE_PATH,
  writeTable,
} from './table-model.ts';

const ENTRIES: Entry[] = Array.from({ length: 22 }, (_, i) => ({
  key: new TextEncoder().encode(`key${String(i).padStart(4, '0')}`),
  seqno: 100 + i,
  kind: i % 7 === 3 ? KIND_DELETE : KIND_PUT,
  value: i % 7 === 3 ? new Uint8Array(0) : new Uint8Array(20).fill(i + 1),
}));
const FORM = { blockSizeBytes: 250, restartInterval: 4, filterBitsPerKey: 10 };
const OPTIONS: TableWriterOptions = { ...FORM, ...PLAIN_STORAGE };

function storage(codec: string, protection: string): TableWriterOptions {
  return { ...FORM, compression: CODECS[codec]!, protection: PROTECTIONS[protection]! };
}

/** Tables of which nothing can be repaired. */
const UNREPAIRABLE: Readonly<Record<string, TableWriterOptions>> = {
  'no stage': OPTIONS,
  lz4: storage('lz4', 'none'),
  'zstd with a dictionary': storage('zstd, given dictionary', 'none'),
  'AES and lz4': storage('lz4', 'aes'),
  ChaCha: storage('none', 'chacha'),
};

/** Tables of which a damaged byte or bit can be repaired. */
const REPAIRABLE: Readonly<Record<string, TableWriterOptions>> = {
  shards: storage('none', 'shards'),
  'XOR and lz4': storage('lz4', 'xor'),
  bits: storage('none', 'bits'),
  stripes: storage('none', 'stripes'),
  'stripes, XOR and ChaCha': storage('lz4', 'shards and stripes'),
  'shards, AES and zstd with a dictionary': storage('zstd, given dictionary', 'both'),
};

/** Told of repairs, for all tables of this file. */
const corrections: Correction[] = [];
const pipeline: Pipeline = await pipelineOf({ suite: 'aes-256-gcm', epoch: 3, corrections });

/** Damages a byte, looks, and puts it back. */
function flipEach(
  { fs, bytes }: Fixture,
  flipsOf: (at: number) => readonly number[],
  look: (at: number) => void,
): void {
  const handle = fs.open(TABLE_PATH, 'update');
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of flipsOf(at)) {
      handle.write(Uint8Array.of(bytes[at]! ^ flip), 0, 1, at);
      look(at);
      handle.write(bytes, at, 1, at);
    }
  }
  handle.close();
}

interface Fixture {
  readonly fs: MemoryFs;
  readonly meta: TableMeta;
  readonly bytes: Uint8Array;
}

function fixture(options: TableWriterOptions = OPTIONS): Fixture {
  const fs = new MemoryFs();
  const meta = writeTable(fs, ENTRIES, options, pipeline);
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

/**
 * Every read through the table gives the right answer or a typed error.
 * @returns the number of errors
 */
function readAll(table: Table): number {
  let failures = 0;
  const attempt = (use: () => void): void => {
    if (failsTyped(use)) failures++;
  };
  const out = new Lookup();
  for (const { key, seqno, kind, value } of ENTRIES) {
    attempt(() => {
      const hash = hash32(key, 0, key.length);
      assert.equal(table.get(key, 0, key.length, hash, SEQNO_MAX, out), true);
      const got = out.valBuf.slice(out.valOff, out.valOff + out.valLen);
      assert.equal(out.seqno, seqno);
      assert.equal(out.kind, kind);
      assert.equal(compareKeys(got, value), 0);
    });
  }
  const cursor = table.cursor({ fillCache: false, readAheadBytes: 600 });
  attempt(() => {
    let i = 0;
    for (let more = cursor.first(); more; more = cursor.next()) {
      assert.deepEqual(current(cursor), ENTRIES[i++]);
    }
    assert.equal(i, ENTRIES.length);
  });
  attempt(() => {
    let i = ENTRIES.length;
    for (let more = cursor.last(); more; more = cursor.prev()) {
      assert.deepEqual(current(cursor), ENTRIES[--i]);
    }
    assert.equal(i, 0);
  });
  return failures;
}

function open(fs: MemoryFs, meta: TableMeta): Table {
  return openTable(fs, meta, new BlockCache(100_000), pipeline);
}

suite('any flipped byte gives right values or typed errors, and verify or open detects it', () => {
  for (const [name, options] of Object.entries(UNREPAIRABLE)) {
    test(name, () => {
      const made = fixture(options);
      const flipsOf = (at: number) =>
        options === OPTIONS ? [0xff, 1 << (at % 8)] : [1 << (at % 8)];
      flipEach(made, flipsOf, (at) => {
        const detected = failsTyped(() => {
          const table = open(made.fs, made.meta);
          readAll(table);
          table.verify();
        });
        assert.ok(detected, `flip of byte ${at} was not detected`);
      });
      readAll(open(made.fs, made.meta));
    });
  }
});

suite('any flipped byte of a table with a code is put right, and verify tells of it', () => {
  for (const [name, options] of Object.entries(REPAIRABLE)) {
    test(name, () => {
      const made = fixture(options);
      const { meta } = made;
      const isBits = options.protection.ecc?.scheme === 'secded';
      flipEach(
        made,
        (at) => (at % 2 === (at >> 6) % 2 ? [isBits || at % 3 !== 0 ? 1 << (at % 8) : 0xff] : []),
        (at) => {
          const table = open(made.fs, meta);
          assert.equal(readAll(table), 0, `flip of byte ${at}`);
          corrections.length = 0;
          assert.equal(table.verify().entryCount, ENTRIES.length);
          table.close();
          assert.ok(corrections.length > 0, `flip of byte ${at} was not reported`);
          for (const { file, offset } of corrections) {
            assert.equal(file, TABLE_PATH);
            assert.ok(offset <= at, `${offset} is behind byte ${at}`);
          }
        },
      );
      corrections.length = 0;
      const table = open(made.fs, meta);
      assert.equal(readAll(table), 0);
      table.verify();
      assert.deepEqual(corrections, []);
    });
  }
});

test('verify names the block that is damaged', () => {
  const { fs, meta, bytes } = fixture();
  const sound = open(fs, meta);
  const second = sound.approximateOffset(ENTRIES[15]!.key, 0, ENTRIES[15]!.key.length);
  assert.ok(second > 128);
  const handle = fs.open(TABLE_PATH, 'update');
  handle.write(Uint8Array.of(bytes[second + 30]! ^ 1), 0, 1, second + 30);
  assert.throws(
    () => sound.verify(),
    (error) => error instanceof VarveError && error.offset === second && error.file === TABLE_PATH,
  );
});

suite('every shorter or longer file is refused, also when the manifest agrees on its size', () => {
  for (const [name, options] of Object.entries(UNREPAIRABLE)) {
    test(name, () => {
      const { fs, meta, bytes } = fixture(options);
      const handle = fs.open(TABLE_PATH, 'update');
      for (let size = bytes.length - 1; size >= 0; size--) {
        handle.truncate(size);
        assert.ok(failsTyped(() => open(fs, meta)));
        assert.ok(failsTyped(() => open(fs, { ...meta, sizeBytes: size })));
      }
      handle.write(bytes, 0, bytes.length, 0);
      handle.truncate(bytes.length + 1);
      assert.ok(failsTyped(() => open(fs, meta)));
    });
  }
});

suite('a shorter file of a table with a code is right or refused, a longer one refused', () => {
  for (const [name, options] of Object.entries(REPAIRABLE)) {
    test(name, () => {
      const { fs, meta, bytes } = fixture(options);
      const handle = fs.open(TABLE_PATH, 'update');
      let repaired = 0;
      for (let size = bytes.length - 1; size >= 0; size--) {
        handle.truncate(size);
        corrections.length = 0;
        const isRefused = failsTyped(() => {
          const table = open(fs, meta);
          readAll(table);
          table.verify();
        });
        if (!isRefused) repaired++;
        assert.ok(isRefused || corrections.length > 0, `${size} bytes pass for all`);
        assert.ok(failsTyped(() => open(fs, { ...meta, sizeBytes: size }).verify()));
      }
      // SEC-DED turns bits back; it restores no bytes, unless they were zeros or nearly so.
      if (options.protection.ecc?.scheme !== 'secded') assert.ok(repaired > 10, `${repaired}`);
      handle.write(bytes, 0, bytes.length, 0);
      handle.truncate(bytes.length + 1);
      assert.ok(failsTyped(() => open(fs, meta)));
    });
  }
});

test('a file of another number or another table of the same size is refused', () => {
  const { fs, meta } = fixture();
  assert.ok(failsTyped(() => open(fs, { ...meta, fileNumber: 8 })));
  const other = open(fs, { ...meta, checksumLow: meta.checksumLow ^ 1 });
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
    assert.ok(failsTyped(() => open(fs, { ...meta, ...wrong }).verify()));
  }
});

test('a file that shrinks while it is open gives typed errors', () => {
  const { fs, meta, bytes } = fixture();
  const table = open(fs, meta);
  fs.open(TABLE_PATH, 'update').truncate(Math.floor(bytes.length / 2));
  readAll(table);
  assert.ok(failsTyped(() => table.verify()));
});

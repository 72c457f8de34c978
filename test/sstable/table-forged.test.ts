/**
 * Tables whose contents are forged under right checksums.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_HEADER_BYTES, BLOCK_OVERHEAD_BYTES } from '../../src/block/block-format.ts';
import { BlockChecksum } from '../../src/block/checksum.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { readU32, writeU32 } from '../../src/bytes/fixed.ts';
import { hash32 } from '../../src/bytes/hash32.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SEQNO_MAX } from '../../src/key/kind.ts';
import { Lookup } from '../../src/key/lookup.ts';
import type { Table } from '../../src/sstable/table.ts';
import {
  anyEntries,
  anyOptions,
  CODECS,
  type Entry,
  neighbours,
  openTable,
  sortEntries,
  TABLE_PATH,
  writeTable,
} from './table-model.ts';

/** Type, codec, suite, epoch and content length of a block's header. */
const HEADER_FIELDS = [0, 1, 2, 4, 5, 12, 13, 14, 15];
/** More moves than any forged block of these sizes can have entries. */
const MOVES_MAX = 100_000;

/** Offsets of all blocks of a table file, found by their own headers. */
function blockOffsets(bytes: Uint8Array): number[] {
  const offsets: number[] = [];
  for (let at = 128; at < bytes.length; at += readU32(bytes, at + 8) + BLOCK_OVERHEAD_BYTES) {
    offsets.push(at);
  }
  return offsets;
}

/** Overwrites bytes of a block's payload and makes its checksum right again. */
function forge(
  bytes: Uint8Array,
  at: number,
  changes: readonly (readonly [number, number])[],
): void {
  const payloadLen = readU32(bytes, at + 8);
  const payload = at + BLOCK_HEADER_BYTES;
  for (const [where, byte] of changes) {
    // Counted from the end: there stand the fields that steer a data block.
    bytes[payload + payloadLen - 1 - (where % payloadLen)] = byte;
  }
  reseal(bytes, at);
}

/** Makes the checksum of the block at `at` right. */
function reseal(bytes: Uint8Array, at: number): void {
  const length = BLOCK_HEADER_BYTES + readU32(bytes, at + 8);
  const digest = new BlockChecksum(bytes.slice(16, 32)).of(bytes, at, length, at);
  writeU32(bytes, at + length, digest.low);
  writeU32(bytes, at + length + 4, digest.high);
}

function tolerated(use: () => void): void {
  try {
    use();
  } catch (error) {
    if (!isVarveError(error)) throw error;
  }
}

function exercise(table: Table, entries: readonly Entry[]): void {
  const out = new Lookup();
  const cursor = table.cursor();
  tolerated(() => {
    let moves = 0;
    for (let more = cursor.first(); more; more = cursor.next()) assert.ok(++moves < MOVES_MAX);
  });
  tolerated(() => {
    let moves = 0;
    for (let more = cursor.last(); more; more = cursor.prev()) assert.ok(++moves < MOVES_MAX);
  });
  for (let i = 0; i < entries.length; i += 3) {
    const { key, seqno } = entries[i]!;
    for (const near of neighbours(key)) {
      const hash = hash32(near, 0, near.length);
      tolerated(() => {
        if (!table.get(near, 0, near.length, hash, SEQNO_MAX, out)) return;
        assert.ok(out.valOff + out.valLen <= out.valBuf.length);
      });
      tolerated(() => cursor.seek(near, 0, near.length, seqno) && cursor.prev());
      tolerated(() => cursor.seekForPrev(near, 0, near.length, seqno) && cursor.next());
    }
  }
  tolerated(() => table.properties());
  tolerated(() => table.verify());
  table.close();
}

test('forged blocks with right checksums never hang, crash or read outside', () => {
  const change = fc.tuple(
    fc.oneof(fc.nat(80), fc.nat(100_000)),
    fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)),
  );
  const property = fc.property(
    anyEntries,
    anyOptions,
    fc.nat(1000),
    fc.array(change, { minLength: 1, maxLength: 4 }),
    (entries, { compression, ...form }, which, changes) => {
      const fs = new MemoryFs();
      const meta = writeTable(fs, entries, { ...form, compression, protection: UNPROTECTED });
      const bytes = new Uint8Array(meta.sizeBytes);
      const handle = fs.open(TABLE_PATH, 'update');
      handle.read(bytes, 0, bytes.length, 0);
      const offsets = blockOffsets(bytes);
      forge(bytes, offsets[which % offsets.length]!, changes);
      handle.write(bytes, 0, bytes.length, 0);
      tolerated(() => exercise(openTable(fs, meta, new BlockCache(1 << 22)), entries));
    },
  );
  fc.assert(property, { numRuns: 1500 });
});

for (const [name, compression] of Object.entries(CODECS)) {
  test(`every byte of a forged block can take any extreme (${name})`, () => {
    const entries = sortEntries(
      Array.from({ length: 12 }, (_, i) => ({
        key: new TextEncoder().encode(`k${i >> 1}`),
        seqno: i * 1000,
        kind: i % 2,
        value: new Uint8Array(i % 2 === 1 ? (name === 'none' ? 1 : 40) : 0),
      })),
    );
    const fs = new MemoryFs();
    const form = { blockSizeBytes: 150, restartInterval: 2, filterBitsPerKey: 10 };
    const protection = UNPROTECTED;
    const meta = writeTable(fs, entries, { ...form, compression, protection });
    const sound = new Uint8Array(meta.sizeBytes);
    const handle = fs.open(TABLE_PATH, 'update');
    handle.read(sound, 0, sound.length, 0);
    for (const offset of blockOffsets(sound)) {
      const payloadLen = readU32(sound, offset + 8);
      for (let where = 0; where < payloadLen; where++) {
        for (const byte of name === 'none' ? [0, 1, 0x7f, 0x80, 0xff] : [0, 0x80, 0xff]) {
          const bytes = sound.slice();
          forge(bytes, offset, [[where, byte]]);
          handle.write(bytes, 0, bytes.length, 0);
          tolerated(() => exercise(openTable(fs, meta), entries));
        }
      }
      for (const field of HEADER_FIELDS) {
        for (const byte of [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff]) {
          const bytes = sound.slice();
          bytes[offset + field] = byte;
          reseal(bytes, offset);
          handle.write(bytes, 0, bytes.length, 0);
          tolerated(() => exercise(openTable(fs, meta), entries));
        }
      }
    }
  });
}

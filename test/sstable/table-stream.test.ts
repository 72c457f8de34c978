/**
 * What a stream over tables knows of the blocks that it stands in.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { loadChecksum } from '../../src/block/checksum.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
import { StoredBlock } from '../../src/sstable/block-window.ts';
import type { Table } from '../../src/sstable/table.ts';
import { TableStream } from '../../src/sstable/table-stream.ts';
import { ArrayCursor } from '../iterator/array-cursor.ts';
import { type Entry, OPTIONS, tableOf } from './table-model.ts';

await loadChecksum();

function keyOf(number: number): Uint8Array {
  return Uint8Array.of(number >>> 8, number);
}

/** Every second number up to 400: about twenty blocks. */
const ENTRIES: Entry[] = Array.from({ length: 200 }, (_, i) => ({
  key: keyOf(i * 2),
  seqno: i,
  kind: KIND_PUT,
  value: new Uint8Array(20),
}));

function smallTable(cache?: BlockCache): Table {
  return tableOf(ENTRIES, { ...OPTIONS, blockSizeBytes: 256 }, cache);
}

function streamOf(table: Table, to?: Uint8Array): TableStream {
  const run = { metas: [table.meta], open: () => table, release: () => {} };
  return new TableStream(run, { readAheadBytes: 600, to });
}

function currentKey({ keyBuf, keyOff, keyLen }: TableStream): Uint8Array {
  return keyBuf.slice(keyOff, keyOff + keyLen);
}

suite('at the start of a block a stream', () => {
  const number = fc.nat(420);
  const bound = fc.option(number, { nil: undefined });

  test('counts the blocks that stand wholly before another entry and the bound', () => {
    const table = smallTable();
    fc.assert(
      fc.property(bound, bound, (otherNumber, toNumber) => {
        const to = toNumber === undefined ? undefined : keyOf(toNumber);
        const stream = streamOf(table, to);
        let other: ArrayCursor | undefined;
        if (otherNumber !== undefined) {
          other = new ArrayCursor([{ ...ENTRIES[0]!, key: keyOf(otherNumber) }]);
          other.first();
        }
        const blocks: { readonly last: Uint8Array; readonly counted: number }[] = [];
        for (let more = stream.first(); more; more = stream.next()) {
          if (!stream.isAtBlockStart) continue;
          const counted = stream.blocksBefore(other);
          stream.toBlockEnd();
          blocks.push({ last: currentKey(stream), counted });
        }
        const isBefore = (key: Uint8Array): boolean =>
          (otherNumber === undefined || compareKeys(key, keyOf(otherNumber)) < 0) &&
          (to === undefined || compareKeys(key, to) < 0);
        const wholly = blocks.filter(({ last }) => isBefore(last)).length;
        blocks.forEach(({ counted }, i) => {
          assert.ok(counted <= Math.max(0, wholly - i), 'a block that is not before was counted');
          // The index knows no more than separators: it may leave out one.
          assert.ok(counted >= wholly - i - 1);
        });
      }),
    );
    table.close();
  });

  test('tells how the block is stored, unless it came from the cache', () => {
    const stored = new StoredBlock();
    const table = smallTable(new BlockCache(1 << 20));
    let seen = 0;
    const stream = streamOf(table);
    for (let more = stream.first(); more; more = stream.next()) {
      if (!stream.isAtBlockStart) continue;
      assert.equal(stream.stored(stored), true);
      assert.equal(stored.codecId, 0);
      assert.equal(stored.len, stored.contentLen);
      const { block } = stream;
      const content = block.buf.slice(block.valueStart, block.valueStart + stored.len);
      assert.deepEqual(stored.buf.slice(stored.off, stored.off + stored.len), content);
      seen++;
    }
    assert.ok(seen > 10);
    const cursor = table.cursor();
    for (let more = cursor.first(); more; more = cursor.next());
    const again = streamOf(table);
    again.first();
    assert.equal(again.stored(stored), false);
    again.close();
    stream.close();
    table.close();
  });
});

/**
 * What a scan says of a block, against its entries.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { DataBlockBuilder } from '../../src/block/data-block-builder.ts';
import { DataBlock } from '../../src/block/data-block-reader.ts';
import { DataBlockScan } from '../../src/block/data-block-scan.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { compareKeys, sharedPrefixLength } from '../../src/bytes/compare.ts';
import { hash32 } from '../../src/bytes/hash32.ts';
import { KIND_PUT } from '../../src/key/kind.ts';

interface Row {
  readonly key: Uint8Array;
  readonly seqno: number;
  readonly valLen: number;
}

/** In the order given, whatever it is. */
function blockOf(rows: readonly Row[], interval: number): DataBlock {
  const out = new ByteWriter(16);
  const builder = new DataBlockBuilder(out, interval);
  builder.begin();
  let last = new Uint8Array(0);
  for (const { key, seqno, valLen } of rows) {
    const shared = sharedPrefixLength(last, 0, last.length, key, 0, key.length);
    const value = new Uint8Array(valLen);
    builder.add(key, 0, key.length, shared, seqno, KIND_PUT, value, 0, valLen);
    last = Uint8Array.from(key);
  }
  builder.finish();
  const block = new DataBlock();
  block.open(out.buf, 0, out.length, 'file', 0);
  return block;
}

const rows = fc
  .uniqueArray(
    fc.record({
      key: fc
        .tuple(fc.constantFrom(0, 0, 0, 300), fc.array(fc.constantFrom(0, 1, 0x61, 0xff)))
        .map(([length, rest]) => Uint8Array.from([...new Uint8Array(length).fill(1), ...rest])),
      seqno: fc.oneof(fc.constant(7), fc.maxSafeNat()),
      valLen: fc.nat(200),
    }),
    { minLength: 1, maxLength: 400, selector: ({ key }) => key.join() },
  )
  .map((list) => list.sort((a, b) => compareKeys(a.key, b.key)));

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

suite('a scan of a block', () => {
  test('with ascending keys tells hashes, sizes, seqnos and the last key', () => {
    const scan = new DataBlockScan();
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 9 }), (list, interval) => {
        assert.equal(scan.scan(blockOf(list, interval)), true);
        const seqnos = list.map(({ seqno }) => seqno);
        assert.equal(scan.count, list.length);
        assert.deepEqual(
          [...scan.hashes.subarray(0, scan.count)],
          list.map(({ key }) => hash32(key, 0, key.length)),
        );
        assert.equal(scan.keyBytes, sum(list.map(({ key }) => key.length)));
        assert.equal(scan.valueBytes, sum(list.map(({ valLen }) => valLen)));
        assert.equal(scan.smallestSeqno, Math.min(...seqnos));
        assert.equal(scan.largestSeqno, Math.max(...seqnos));
        assert.equal(scan.lastSeqno, seqnos.at(-1));
        assert.deepEqual(scan.lastKey.slice(0, scan.lastKeyLen), list.at(-1)!.key);
      }),
    );
  });

  test('with two versions of one key says no', () => {
    fc.assert(
      fc.property(rows, fc.nat(399), fc.integer({ min: 1, max: 9 }), (list, place, interval) => {
        const twice = list[place % list.length]!;
        const at = list.indexOf(twice);
        const versions = [...list.slice(0, at), { ...twice, seqno: 9 }, ...list.slice(at)];
        assert.equal(new DataBlockScan().scan(blockOf(versions, interval)), false);
      }),
    );
  });

  test('whose keys do not ascend says no', () => {
    const row = (text: string): Row => ({
      key: new TextEncoder().encode(text),
      seqno: 1,
      valLen: 1,
    });
    for (const keys of [
      ['b', 'a'],
      ['ab', 'a'],
      ['a', ''],
    ]) {
      // One interval: more would not open.
      assert.equal(new DataBlockScan().scan(blockOf(keys.map(row), 8)), false);
    }
  });

  test('whose areas are not filled by its entries says no', () => {
    const block = blockOf([{ key: Uint8Array.of(1), seqno: 1, valLen: 3 }], 8);
    block.keyStart++;
    block.valueStart++;
    assert.equal(new DataBlockScan().scan(block), false);
  });
});

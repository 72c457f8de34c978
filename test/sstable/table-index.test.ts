import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { SEQNO_MAX } from '../../src/key/kind.ts';
import type { ParityLengths } from '../../src/sstable/table-footer.ts';
import { TableIndex, TableIndexBuilder } from '../../src/sstable/table-index.ts';
import { anyKey, neighbours } from './table-model.ts';

const START = 128;

/** Where a block begins: at the separator, or behind version `continued` of that very key. */
interface Border {
  readonly separator: Uint8Array;
  readonly continued: number;
}

/** Ascending borders; a separator occurs twice only if the second one continues its key. */
const anyBorders: fc.Arbitrary<Border[]> = fc
  .array(fc.tuple(anyKey, fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 3 })), {
    maxLength: 150,
  })
  .map((drawn) => {
    const keys = [...drawn].sort(([a], [b]) => compareKeys(a, b));
    const distinct = keys.filter(([key], i) => i === 0 || compareKeys(keys[i - 1]![0], key) !== 0);
    const borders: Border[] = [];
    for (const [separator, versions] of distinct) {
      if (separator.length === 0) continue;
      borders.push({ separator, continued: 0 });
      const descending = [...new Set(versions)].sort((a, b) => b - a);
      for (const continued of descending) borders.push({ separator, continued });
    }
    return borders;
  });

function encode(borders: readonly Border[]): Uint8Array {
  const builder = new TableIndexBuilder();
  builder.begin(new Uint8Array(0), 0, 0, 0);
  builder.end(10);
  borders.forEach(({ separator, continued }, i) => {
    builder.begin(separator, 0, separator.length, continued);
    builder.end(11 + i);
  });
  const out = new ByteWriter(16);
  builder.finish(out);
  return out.buf.slice(0, out.length);
}

const NO_PARITY: ParityLengths = { parityBytes: () => 0 };

function decode(
  content: Uint8Array,
  blocks: number,
  end: number,
  parity: ParityLengths = NO_PARITY,
): TableIndex | undefined {
  return TableIndex.decode(content, 0, content.length, blocks, START, end, parity);
}

const dataEnd = (borders: readonly Border[]): number =>
  borders.reduce((sum, _, i) => sum + 11 + i, START + 10);

/** The last block that begins at or before (key, seqno). */
function blockOf(borders: readonly Border[], key: Uint8Array, seqno: number): number {
  return borders.filter(({ separator, continued }) => {
    const order = compareKeys(separator, key);
    return order < 0 || (order === 0 && (continued === 0 || seqno < continued));
  }).length;
}

test('a search ends in the last block that begins at or before the target', () => {
  const property = fc.property(anyBorders, fc.array(anyKey), (borders, keys) => {
    const content = encode(borders);
    const open = () => decode(content, borders.length + 1, dataEnd(borders));
    const index = open();
    assert.ok(index !== undefined);
    const near = borders.flatMap(({ separator }) => neighbours(separator));
    for (const key of [...near, ...keys, new Uint8Array(0)]) {
      // The first searches of an index are others.
      const fresh = open()!;
      for (const seqno of [0, 1, 25, 50, SEQNO_MAX]) {
        const buf = Uint8Array.from([0x61, ...key, 0x61]);
        const expected = blockOf(borders, key, seqno);
        assert.equal(index.search(buf, 1, key.length, seqno), expected);
        assert.equal(fresh.search(buf, 1, key.length, seqno), expected);
      }
    }
  });
  fc.assert(property, { numRuns: 60 });
});

test('offsets and lengths of blocks follow from their order', () => {
  const borders = [1, 2, 3].map((byte) => ({ separator: Uint8Array.of(byte), continued: 0 }));
  const index = decode(encode(borders), 4, dataEnd(borders));
  assert.deepEqual([...index!.blockOffs], [128, 138, 149, 161, 174]);
  assert.deepEqual([index!.blockBytes(0), index!.blockBytes(3)], [10, 13]);
});

test('parity sections stand between the blocks, and no length counts them', () => {
  const borders = [1, 2, 3].map((byte) => ({ separator: Uint8Array.of(byte), continued: 0 }));
  const parity = { parityBytes: (length: number) => 100 * length };
  const index = decode(encode(borders), 4, 128 + 101 * (10 + 11 + 12 + 13), parity);
  assert.deepEqual([...index!.blockOffs], [128, 1138, 2249, 3461, 4774]);
  assert.deepEqual([index!.blockBytes(0), index!.blockBytes(3)], [10, 13]);
  assert.equal(decode(encode(borders), 4, dataEnd(borders), parity), undefined);
});

test('content that cannot be the index of the file is refused', () => {
  const borders = [1, 2, 3].map((byte) => ({ separator: Uint8Array.of(byte), continued: 0 }));
  const content = encode(borders);
  const end = dataEnd(borders);
  assert.equal(decode(content, 3, end), undefined);
  assert.equal(decode(content, 5, end), undefined);
  assert.equal(decode(content, 4, end + 1), undefined);
  for (let length = 0; length < content.length; length++) {
    assert.equal(decode(content.subarray(0, length), 4, end), undefined);
  }
  assert.equal(decode(Uint8Array.from([...content, 0]), 4, end), undefined);
});

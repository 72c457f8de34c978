/**
 * Entry checksums in data blocks: their area, and the check before a block is sealed.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { DataBlockBuilder } from '../../src/block/data-block-builder.ts';
import { DataBlockCursor } from '../../src/block/data-block-cursor.ts';
import { DataBlock } from '../../src/block/data-block-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { compareKeys, sharedPrefixLength } from '../../src/bytes/compare.ts';
import { isVarveError } from '../../src/errors.ts';
import { EntryGuard, entryChecksum, NO_ENTRY_CHECKSUM } from '../../src/key/entry-checksum.ts';
import { KIND_DELETE, KIND_PUT } from '../../src/key/kind.ts';

interface Row {
  readonly key: Uint8Array;
  readonly seqno: number;
  readonly kind: number;
  readonly value: Uint8Array;
}

const TAIL_BYTES = 32;
const FLAGS_FROM_END = 4;
const START = 3;
const INTERVAL = 3;

const anyRows: fc.Arbitrary<Row[]> = fc
  .uniqueArray(fc.uint8Array({ maxLength: 6, max: 5 }), {
    minLength: 1,
    maxLength: 60,
    selector: (key) => key.join(),
  })
  .map((keys) =>
    keys.sort(compareKeys).map((key, i) => {
      const isDelete = (key[0] ?? 0) === 1;
      const value = new Uint8Array(isDelete ? 0 : (i * 7) % 23).fill(i);
      return {
        key,
        seqno: 1000 - i * (key.length + 1),
        kind: isDelete ? KIND_DELETE : KIND_PUT,
        value,
      };
    }),
  );

function checksumOf({ kind, key, value }: Row): number {
  return entryChecksum(kind, key, 0, key.length, value, 0, value.length);
}

/** A block up to `finish`; its content begins at `START`. */
function begin(
  rows: readonly Row[],
  guard?: EntryGuard,
): { out: ByteWriter; builder: DataBlockBuilder } {
  const out = new ByteWriter(64);
  out.length = START;
  const builder = new DataBlockBuilder(out, INTERVAL, guard);
  builder.begin();
  let last: Uint8Array = new Uint8Array(0);
  for (const row of rows) {
    const { key, seqno, kind, value } = row;
    const shared = sharedPrefixLength(last, 0, last.length, key, 0, key.length);
    builder.add(key, 0, key.length, shared, seqno, kind, value, 0, value.length);
    if (guard !== undefined) builder.addChecksum(checksumOf(row));
    last = key;
  }
  return { out, builder };
}

function contentOf(rows: readonly Row[], guard?: EntryGuard): Uint8Array {
  const { out, builder } = begin(rows, guard);
  const expected = builder.contentBytes();
  builder.finish();
  assert.equal(out.length - START, expected);
  return out.buf.slice(START, out.length);
}

interface Walked {
  readonly seqno: number;
  readonly checksum: number;
  readonly sound: boolean;
}

class BlockWalk extends DataBlockCursor {
  walk(content: Uint8Array, isBackwards: boolean): Walked[] {
    const block = new DataBlock();
    block.open(content, 0, content.length, 'file', 0);
    this.enterBlock(block);
    const found = [];
    let more = isBackwards ? this.lastInBlock() : this.firstInBlock();
    while (more) {
      found.push({
        seqno: this.seqno,
        checksum: this.entryChecksum(),
        sound: this.matchesChecksum(),
      });
      more = isBackwards ? this.prevInBlock() : this.nextInBlock();
    }
    return isBackwards ? found.reverse() : found;
  }
}

const GUARD = new EntryGuard('compaction', 'some family');

suite('a block with entry checksums', () => {
  test('gives each entry its checksum, in both directions', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const content = contentOf(rows, GUARD);
        const expected = rows.map((row) => ({
          seqno: row.seqno,
          checksum: checksumOf(row),
          sound: true,
        }));
        for (const isBackwards of [false, true]) {
          assert.deepEqual(new BlockWalk().walk(content, isBackwards), expected);
        }
      }),
    );
  });

  test('is the block without them, an area of 4 bytes an entry and a flag', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const plain = contentOf(rows);
        const content = contentOf(rows, GUARD);
        assert.equal(plain.at(-FLAGS_FROM_END), 0);
        assert.equal(content.at(-FLAGS_FROM_END), 1);
        content[content.length - FLAGS_FROM_END] = 0;
        const behind = Math.ceil(rows.length / INTERVAL) * 12 + TAIL_BYTES;
        const area = content.length - behind - rows.length * 4;
        const rest = [content.subarray(0, area), content.subarray(content.length - behind)];
        assert.deepEqual(new Uint8Array(Buffer.concat(rest)), plain);
        const walked = new BlockWalk().walk(plain, false);
        assert.ok(walked.every(({ checksum }) => checksum === NO_ENTRY_CHECKSUM));
      }),
    );
  });

  test('has no other flags: a newer version may have written them', () => {
    const rows = fc.sample(anyRows, { numRuns: 1, seed: 5 })[0]!;
    for (const guard of [undefined, GUARD]) {
      for (let bit = 1; bit < 32; bit++) {
        const content = contentOf(rows, guard);
        content[content.length - FLAGS_FROM_END + (bit >> 3)]! |= 1 << (bit & 7);
        assert.throws(
          () => new DataBlock().open(content, 0, content.length, 'file', 9),
          (error) => isVarveError(error, 'UNSUPPORTED') && error.offset === 9,
          `bit ${bit}`,
        );
      }
    }
  });

  test('whose flag is lost or made up is damaged', () => {
    const rows = fc.sample(anyRows, { numRuns: 1, seed: 5 })[0]!;
    for (const guard of [undefined, GUARD]) {
      const content = contentOf(rows, guard);
      content[content.length - FLAGS_FROM_END]! ^= 1;
      assert.throws(
        () => new DataBlock().open(content, 0, content.length, 'file', 9),
        (error) => isVarveError(error, 'CORRUPTION'),
      );
    }
  });

  test('is used for block after block, however many entries each has', () => {
    const { out, builder } = begin([], GUARD);
    for (const count of [1, 700, 2]) {
      out.length = START;
      builder.begin();
      const value = new Uint8Array(2);
      for (let i = 0; i < count; i++) {
        const key = Uint8Array.of(i >> 8, i);
        const row = { key, seqno: 1, kind: KIND_PUT, value };
        const shared = i % 256 === 0 ? 0 : 1;
        builder.add(key, 0, 2, shared, 1, KIND_PUT, value, 0, 2);
        builder.addChecksum(checksumOf(row));
      }
      const expected = builder.contentBytes();
      builder.finish();
      assert.equal(out.length - START, expected);
    }
  });
});

suite('the check before a block is sealed', () => {
  const rows = fc.sample(anyRows, { numRuns: 1, seed: 11 })[0]!;

  test('finds every bit that flips in a value, and names the stage', () => {
    const { out } = begin(rows, GUARD);
    for (let bit = START * 8; bit < out.length * 8; bit++) {
      const { out: again, builder } = begin(rows, GUARD);
      again.buf[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(
        () => builder.finish(),
        (error) =>
          isVarveError(error, 'CORRUPTION') &&
          /compaction output block, column family 'some family', seqno \d+/.test(error.message),
      );
    }
  });

  test('finds every flip in keys, kinds, seqnos and checksums that changes an entry', () => {
    const sound = contentOf(rows, GUARD);
    const entries = new BlockWalk().walk(sound, false);
    const restarts = sound.length - TAIL_BYTES - Math.ceil(rows.length / INTERVAL) * 12;
    const values = rows.reduce((sum, { value }) => sum + value.length, 0);
    let passed = 0;
    for (let bit = values * 8; bit < restarts * 8; bit++) {
      const { out, builder } = begin(rows, GUARD);
      flipAtTail(out, START + (bit >> 3), 1 << (bit & 7), rows.length);
      try {
        builder.finish();
        passed++;
      } catch (error) {
        assert.ok(isVarveError(error, 'CORRUPTION') && /output block/.test(error.message));
        continue;
      }
      // The reader ignores what makes a varint longer than it need be.
      assert.equal(bit & 7, 7);
      const content = out.buf.slice(START, out.length);
      assert.deepEqual(new BlockWalk().walk(content, false), entries);
    }
    assert.ok(passed <= rows.length * 3, `${passed} passed`);
  });

  test('finds a checksum that is not the entry’s', () => {
    const out = new ByteWriter(64);
    const builder = new DataBlockBuilder(out, INTERVAL, GUARD);
    builder.begin();
    builder.add(Uint8Array.of(1), 0, 1, 0, 5, KIND_PUT, Uint8Array.of(2), 0, 1);
    builder.addChecksum(1);
    assert.throws(() => builder.finish(), /column family 'some family', seqno 5/);
  });
});

/** Flips bits of `out` while the tail of the block, whose first word is `count`, is written. */
function flipAtTail(out: ByteWriter, at: number, bits: number, count: number): void {
  const write = out.u64.bind(out);
  out.u64 = (value: number): void => {
    write(value);
    assert.equal(out.buf[out.length - 24], count & 0xff);
    out.buf[at]! ^= bits;
  };
}

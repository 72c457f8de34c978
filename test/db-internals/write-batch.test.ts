/**
 * Write batches: what is encoded is read back, and mistakes leave a batch as it was.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_CONTENT_BYTES_MAX, BLOCK_TRAILER_BYTES } from '../../src/block/block-format.ts';
import { ColumnFamily } from '../../src/db/column-family.ts';
import {
  BatchEncoder,
  OPERATIONS_OFF,
  OperationReader,
  WriteBatch,
} from '../../src/db/write-batch.ts';
import { KIND_DELETE, KIND_PUT } from '../../src/key/kind.ts';

interface Operation {
  readonly kind: number;
  readonly familyId: number;
  readonly key: string;
  readonly value: string;
}

const FAMILIES = [new ColumnFamily('default', 0), new ColumnFamily('one', 1)];
FAMILIES.push(new ColumnFamily('many', 300_000));

const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.record(
    {
      kind: fc.constantFrom(KIND_PUT, KIND_DELETE),
      familyId: fc.constantFrom(0, 1, 300_000),
      key: fc.string({ unit: 'binary', maxLength: 20 }),
      value: fc.oneof(
        fc.string({ unit: 'binary' }),
        fc
          .tuple(fc.constantFrom('v', 'é', '漢', '🌊'), fc.nat(300))
          .map(([text, count]) => text.repeat(count)),
      ),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 30 },
);

function add(batch: WriteBatch, { kind, familyId, key, value }: Operation): void {
  // The default family may be named or left out.
  const isNamed = familyId !== 0 || key.length % 2 === 0;
  const family = isNamed ? FAMILIES.find(({ id }) => id === familyId) : undefined;
  if (kind === KIND_PUT) batch.put(new TextEncoder().encode(key), value, family);
  else batch.delete(key, family);
}

/** All operations between two offsets; fails where they are not sound. */
function decode(buf: Uint8Array, off: number, end: number): Operation[] {
  const reader = new OperationReader();
  reader.reset(buf, off, end);
  const text = (at: number, length: number): string =>
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(buf.subarray(at, at + length));
  const list: Operation[] = [];
  while (!reader.atEnd) {
    assert.ok(reader.next());
    const { kind, familyId, keyOff, keyLen, valOff, valLen } = reader;
    list.push({ kind, familyId, key: text(keyOff, keyLen), value: text(valOff, valLen) });
  }
  return list;
}

function decodeBatch(batch: WriteBatch): Operation[] {
  const { writer } = WriteBatch.encoderOf(batch);
  return decode(writer.buf, OPERATIONS_OFF, writer.length);
}

function withoutDeletedValues(list: readonly Operation[]): Operation[] {
  return list.map((one) => (one.kind === KIND_PUT ? one : { ...one, value: '' }));
}

suite('a batch', () => {
  test('gives its operations back in order', () => {
    fc.assert(
      fc.property(operations, (list) => {
        const batch = new WriteBatch();
        for (const one of list) add(batch, one);
        assert.equal(batch.count, list.length);
        assert.deepEqual(decodeBatch(batch), withoutDeletedValues(list));
        const { writer, operationBytes } = WriteBatch.encoderOf(batch);
        assert.equal(batch.sizeBytes, operationBytes);
        assert.equal(writer.length, OPERATIONS_OFF + batch.sizeBytes);
      }),
    );
  });

  test('can be refilled after clear, and copies what it is given', () => {
    fc.assert(
      fc.property(operations, operations, (before, after) => {
        const batch = new WriteBatch();
        for (const one of before) add(batch, one);
        assert.equal(batch.clear(), batch);
        assert.equal(batch.count, 0);
        assert.equal(batch.sizeBytes, 0);
        for (const one of after) add(batch, one);
        assert.deepEqual(decodeBatch(batch), withoutDeletedValues(after));
      }),
      { numRuns: 50 },
    );
    const batch = new WriteBatch();
    const key = Uint8Array.of(0x61);
    batch.put(key, key);
    key[0] = 0x62;
    assert.equal(decodeBatch(batch)[0]!.key, 'a');
  });

  test('takes strings whatever their length takes, in whichever script', () => {
    for (const letter of ['v', 'é', '漢', '🌊']) {
      for (const length of [42, 43, 63, 64, 127, 128, 5461, 8192, 16_383, 16_384, 16_385]) {
        const text = letter.repeat(length / letter.length);
        const batch = new WriteBatch({ entryChecksums: true }).put(text, text).delete(text);
        const wanted = { familyId: 0, key: text };
        assert.deepEqual(decodeBatch(batch), [
          { ...wanted, kind: KIND_PUT, value: text },
          { ...wanted, kind: KIND_DELETE, value: '' },
        ]);
        // The same bytes and checksums as for bytes.
        const bytes = new TextEncoder().encode(text);
        const other = new WriteBatch({ entryChecksums: true }).put(bytes, bytes).delete(bytes);
        const { checksums } = WriteBatch.encoderOf(batch);
        assert.deepEqual(checksums, WriteBatch.encoderOf(other).checksums);
      }
    }
  });

  test('gives a large buffer back when it is cleared', () => {
    const batch = new WriteBatch().put('k', new Uint8Array(3_000_000));
    batch.clear();
    assert.ok(WriteBatch.encoderOf(batch).writer.buf.length < 100_000);
    batch.put('k', 'v');
    assert.equal(decodeBatch(batch).length, 1);
  });

  test('names each of its families once, the default one only if it was given', () => {
    const [first, one] = FAMILIES;
    const batch = new WriteBatch().put('a', '1').put('b', '2', one).delete('c', one);
    const { families } = WriteBatch.encoderOf(batch);
    assert.deepEqual(families, [one]);
    batch.put('d', '4', first);
    assert.deepEqual(families, [one, first]);
    batch.clear();
    assert.deepEqual(families, []);
  });

  test('is chained', () => {
    const batch = new WriteBatch();
    assert.equal(batch.put('a', '1').delete('b'), batch);
  });
});

suite('a mistake', () => {
  test('throws and leaves the batch as it was', () => {
    const batch = new WriteBatch().put('a', '1').delete('b');
    const before = decodeBatch(batch);
    const large = new Uint8Array(65_537);
    const mistakes: [() => void, typeof TypeError][] = [
      [() => batch.put(5 as unknown as string, 'v'), TypeError],
      [() => batch.put('k', undefined as unknown as string), TypeError],
      [() => batch.put('k', null as unknown as string), TypeError],
      [() => batch.delete(undefined as unknown as string), TypeError],
      [() => batch.put('k', 'lone \ud800'), TypeError],
      [() => batch.put('k', 'lone \ud800', FAMILIES[1]), TypeError],
      [() => batch.put('k', 'v', 1 as unknown as ColumnFamily), TypeError],
      [() => batch.delete('k', { id: 1 } as unknown as ColumnFamily), TypeError],
      [() => batch.put('k', 'v', null as unknown as ColumnFamily), TypeError],
      [() => batch.put(large, 'v'), RangeError],
      [() => batch.delete(large), RangeError],
    ];
    for (const [mistake, type] of mistakes) {
      assert.throws(mistake, type);
      assert.equal(batch.count, 2);
      assert.deepEqual(decodeBatch(batch), before);
      assert.deepEqual(WriteBatch.encoderOf(batch).families, []);
    }
  });

  test('is also a batch that would not fit a WAL record', () => {
    const encoder = new BatchEncoder();
    const room = 200;
    encoder.writer.length = BLOCK_CONTENT_BYTES_MAX - room;
    assert.throws(() => encoder.put(undefined, 'k', new Uint8Array(room)), RangeError);
    assert.throws(() => encoder.delete(undefined, 'k'.repeat(room)), RangeError);
    assert.equal(encoder.count, 0);
    assert.equal(encoder.writer.length, BLOCK_CONTENT_BYTES_MAX - room);
  });
});

suite('reading operations', () => {
  const sample = new WriteBatch()
    .put('key one', 'value one')
    .delete('key two', FAMILIES[2])
    .put('key three', 'v'.repeat(200), FAMILIES[1]);
  const { writer } = WriteBatch.encoderOf(sample);
  const bytes = writer.buf.slice(OPERATIONS_OFF, writer.length);

  test('ends exactly at the end and nowhere before', () => {
    const reader = new OperationReader();
    const ends = new Set<number>([0]);
    reader.reset(bytes, 0, bytes.length);
    while (!reader.atEnd) {
      assert.ok(reader.next());
      ends.add(
        reader.kind === KIND_PUT ? reader.valOff + reader.valLen : reader.keyOff + reader.keyLen,
      );
    }
    assert.equal(reader.next(), false);
    for (let cut = 0; cut < bytes.length; cut++) {
      reader.reset(bytes, 0, cut);
      while (!reader.atEnd && reader.next());
      assert.equal(reader.atEnd, ends.has(cut), `cut at ${cut}`);
    }
  });

  test('stops at unknown kinds and lengths above the limits', () => {
    const reader = new OperationReader();
    const unknown = bytes.slice();
    unknown[0] = 2;
    reader.reset(unknown, 0, unknown.length);
    assert.equal(reader.next(), false);
    const wide = new Uint8Array(70_010);
    // A delete with a key of 65537 bytes.
    wide.set([KIND_DELETE, 0, 0x81, 0x80, 0x04]);
    reader.reset(wide, 0, wide.length);
    assert.equal(reader.next(), false);
    wide.set([KIND_DELETE, 0, 0x80, 0x80, 0x04]);
    reader.reset(wide, 0, wide.length);
    assert.equal(reader.next(), true);
    assert.equal(reader.keyLen, 65_536);
  });

  test('never leaves its range, whatever the bytes', () => {
    const noise = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(noise, fc.nat(bytes.length), fc.nat(10), (random, at, off) => {
        const damaged = Uint8Array.from([...bytes.subarray(0, at), ...random, ...bytes]);
        const reader = new OperationReader();
        const from = Math.min(off, damaged.length);
        reader.reset(damaged, from, damaged.length - 5);
        let count = 0;
        while (reader.next()) {
          assert.ok(reader.keyOff >= from);
          assert.ok(reader.keyOff + reader.keyLen <= damaged.length - 5);
          assert.ok(reader.valOff + reader.valLen <= damaged.length - 5);
          assert.ok(++count <= damaged.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('the encoder leaves room for the header before and the checksum behind the operations', () => {
  const encoder = new BatchEncoder();
  encoder.put(undefined, 'key', 'value');
  assert.equal(encoder.writer.length - encoder.operationBytes, 36);
  encoder.writer.reserve(BLOCK_TRAILER_BYTES);
  assert.ok(encoder.writer.buf.length >= encoder.writer.length + BLOCK_TRAILER_BYTES);
});

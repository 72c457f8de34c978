/**
 * The growable output buffer, against a plain array of bytes.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter, copyBytes } from '../../src/bytes/byte-writer.ts';
import { writeU16, writeU32, writeU64 } from '../../src/bytes/fixed.ts';
import { writeVarint } from '../../src/bytes/varint.ts';

type Append = readonly [name: 'u8' | 'u16' | 'u32' | 'u64' | 'varint', value: number];
type Copy = readonly [name: 'bytes' | 'lengthPrefixed', value: Uint8Array];

const append: fc.Arbitrary<Append | Copy> = fc.oneof(
  fc.tuple(fc.constant('u8' as const), fc.nat(0xff)),
  fc.tuple(fc.constant('u16' as const), fc.nat(0xffff)),
  fc.tuple(fc.constant('u32' as const), fc.nat(0xffff_ffff)),
  fc.tuple(fc.constantFrom('u64' as const, 'varint' as const), fc.maxSafeNat()),
  fc.tuple(
    fc.constantFrom('bytes' as const, 'lengthPrefixed' as const),
    fc.uint8Array({ maxLength: 100 }),
  ),
);

function encode(width: number, write: (buf: Uint8Array) => unknown): number[] {
  const buf = new Uint8Array(width);
  write(buf);
  return [...buf];
}

function varint(value: number): number[] {
  const buf = new Uint8Array(8);
  return [...buf.subarray(0, writeVarint(buf, 0, value))];
}

function isCopy(one: Append | Copy): one is Copy {
  return typeof one[1] !== 'number';
}

function expectedOf(one: Append | Copy): number[] {
  if (isCopy(one)) {
    const [name, value] = one;
    return name === 'bytes' ? [...value] : [...varint(value.length), ...value];
  }
  const [name, value] = one;
  if (name === 'u8') return [value];
  if (name === 'u16') return encode(2, (buf) => writeU16(buf, 0, value));
  if (name === 'u32') return encode(4, (buf) => writeU32(buf, 0, value));
  if (name === 'u64') return encode(8, (buf) => writeU64(buf, 0, value));
  return varint(value);
}

function apply(writer: ByteWriter, one: Append | Copy): void {
  if (isCopy(one)) {
    const [name, value] = one;
    // From inside a larger buffer, so that a wrong offset shows.
    const source = Uint8Array.from([0xee, 0xee, ...value, 0xee]);
    writer[name](source, 2, value.length);
  } else {
    const [name, value] = one;
    writer[name](value);
  }
}

suite('ByteWriter', () => {
  test('appends what its methods say, through any number of growths', () => {
    fc.assert(
      fc.property(fc.array(append, { maxLength: 40 }), fc.nat(20), (appends, capacity) => {
        const writer = new ByteWriter(capacity);
        const expected: number[] = [];
        for (const one of appends) {
          apply(writer, one);
          expected.push(...expectedOf(one));
        }
        assert.equal(writer.length, expected.length);
        assert.deepEqual([...writer.buf.subarray(0, writer.length)], expected);
      }),
    );
  });

  test('keeps its buffer when it starts again, and leaves room in front if asked to', () => {
    const writer = new ByteWriter(4);
    writer.bytes(new Uint8Array(100).fill(7), 0, 100);
    const { buf } = writer;
    writer.reset(10);
    assert.equal(writer.buf, buf);
    writer.u8(9);
    assert.equal(writer.length, 11);
    assert.equal(writer.buf[10], 9);
  });

  test('makes the room that a reset asks for', () => {
    const writer = new ByteWriter(4);
    writer.reset(50);
    assert.equal(writer.length, 50);
    assert.ok(writer.buf.length >= 50);
  });

  test('reserves without changing its content', () => {
    const writer = new ByteWriter(1);
    writer.u8(5);
    writer.reserve(1000);
    assert.ok(writer.buf.length >= 1001);
    assert.equal(writer.length, 1);
    assert.equal(writer.buf[0], 5);
  });

  test('writes to the part of a buffer that it was lent, and nowhere behind', () => {
    const lent = new Uint8Array(100).fill(9);
    const writer = new ByteWriter(10, lent);
    writer.bytes(lent, 50, 10);
    assert.equal(writer.buf, lent);
    writer.u8(7);
    assert.notEqual(writer.buf, lent);
    assert.deepEqual([...writer.buf.subarray(0, 11)], [...new Array(10).fill(9), 7]);
    assert.ok(lent.subarray(10).every((byte) => byte === 9));
  });

  test('gives a buffer back that has grown too large', () => {
    const writer = new ByteWriter(8);
    writer.reserve(100);
    const { buf } = writer;
    writer.restart(100, 16);
    assert.equal(writer.buf, buf);
    writer.reserve(101);
    writer.restart(100, 16);
    assert.equal(writer.buf.length, 16);
    writer.reserve(17);
    assert.ok(writer.buf.length >= 17);
  });

  test('grows by doubling, so that long outputs are copied a bounded number of times', () => {
    const writer = new ByteWriter(16);
    let growths = 0;
    for (let i = 0; i < 100_000; i++) {
      const before = writer.buf;
      writer.u8(i & 0xff);
      if (writer.buf !== before) growths++;
    }
    assert.ok(growths <= 14, `${growths} growths`);
  });
});

test('copyBytes copies exactly the range, short or long', () => {
  fc.assert(
    fc.property(fc.nat(80), fc.nat(9), fc.nat(9), (length, from, to) => {
      const source = Uint8Array.from({ length: from + length + 2 }, (_, i) => i + 1);
      const target = new Uint8Array(to + length + 2);
      copyBytes(source, from, length, target, to);
      const expected = new Uint8Array(to + length + 2);
      expected.set(source.subarray(from, from + length), to);
      assert.deepEqual(target, expected);
      const both = Uint8Array.of(...source, ...target);
      copyBytes(both, from, length, both, source.length + to);
      assert.deepEqual(both, Uint8Array.of(...source, ...expected));
    }),
  );
});

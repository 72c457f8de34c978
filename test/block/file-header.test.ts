/**
 * File headers: the layout, and that damage to one copy is read around.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { loadChecksum } from '../../src/block/checksum.ts';
import {
  decodeFileHeader,
  encodeFileHeader,
  expectFileHeader,
  FILE_CLASS_MANIFEST,
  FILE_CLASS_TABLE,
  FILE_CLASS_WAL,
  FILE_HEADER_BYTES,
  type FileHeader,
} from '../../src/block/file-header.ts';
import { isVarveError } from '../../src/errors.ts';

const { h64Raw } = await xxhash();
await loadChecksum();

const PATH = 'dir/000007.wal';
const COPY_BYTES = 64;

const headers: fc.Arbitrary<FileHeader> = fc.record(
  {
    fileClass: fc.constantFrom(FILE_CLASS_TABLE, FILE_CLASS_WAL, FILE_CLASS_MANIFEST),
    fileNumber: fc.maxSafeNat(),
    salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    previousNumber: fc.maxSafeNat(),
    baseSeqno: fc.maxSafeNat(),
  },
  { noNullPrototype: true },
);

const HEADER: FileHeader = {
  fileClass: FILE_CLASS_WAL,
  fileNumber: 7,
  salt: Uint8Array.from({ length: 16 }, (_, i) => 200 - i),
  previousNumber: 5,
  baseSeqno: 1000,
};

/** Writes the right checksum into a copy that was changed. */
function reseal(buf: Uint8Array, off: number): void {
  const digest = h64Raw(buf.subarray(off, off + 56), 0n);
  new DataView(buf.buffer).setBigUint64(off + 56, digest, true);
}

suite('a file header', () => {
  test('round-trips, from either copy alone', () => {
    fc.assert(
      fc.property(headers, (header) => {
        const buf = encodeFileHeader(header);
        assert.equal(buf.length, FILE_HEADER_BYTES);
        assert.deepEqual(decodeFileHeader(buf, buf.length, PATH), header);
        const firstGone = buf.slice().fill(0, 0, COPY_BYTES);
        assert.deepEqual(decodeFileHeader(firstGone, buf.length, PATH), header);
        const secondGone = buf.slice().fill(0, COPY_BYTES);
        assert.deepEqual(decodeFileHeader(secondGone, buf.length, PATH), header);
      }),
    );
  });

  test('has the documented layout', () => {
    const buf = encodeFileHeader(HEADER);
    const expected = new Uint8Array(FILE_HEADER_BYTES);
    const view = new DataView(expected.buffer);
    expected.set(new TextEncoder().encode('VARVEW'));
    view.setUint16(6, 1, true);
    view.setBigUint64(8, 7n, true);
    expected.set(HEADER.salt, 16);
    view.setBigUint64(32, 5n, true);
    view.setBigUint64(40, 1000n, true);
    reseal(expected, 0);
    expected.copyWithin(COPY_BYTES, 0, COPY_BYTES);
    assert.deepEqual(buf, expected);
  });

  test('survives the flip of any one bit', () => {
    const buf = encodeFileHeader(HEADER);
    for (let bit = 0; bit < buf.length * 8; bit++) {
      const damaged = buf.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      assert.deepEqual(decodeFileHeader(damaged, damaged.length, PATH), HEADER, `bit ${bit}`);
    }
  });

  test('with damage to both copies is none, and an error where one is expected', () => {
    const buf = encodeFileHeader(HEADER);
    fc.assert(
      fc.property(fc.nat(63), fc.nat(63), fc.integer({ min: 1, max: 255 }), (one, two, mask) => {
        const damaged = buf.slice();
        damaged[one]! ^= mask;
        damaged[COPY_BYTES + two]! ^= mask;
        assert.equal(decodeFileHeader(damaged, damaged.length, PATH), undefined);
        assert.throws(
          () => expectFileHeader(damaged, damaged.length, PATH, FILE_CLASS_WAL, 7),
          (error) => isVarveError(error, 'CORRUPTION') && error.file === PATH,
        );
      }),
    );
  });

  test('that is torn counts as soon as its first copy is whole', () => {
    const buf = encodeFileHeader(HEADER);
    for (let length = 0; length <= FILE_HEADER_BYTES; length++) {
      const expected = length < COPY_BYTES ? undefined : HEADER;
      assert.deepEqual(decodeFileHeader(buf, length, PATH), expected, `${length} bytes`);
    }
  });

  test('gives a salt of its own', () => {
    const buf = encodeFileHeader(HEADER);
    const header = decodeFileHeader(buf, buf.length, PATH)!;
    buf.fill(0);
    assert.deepEqual(header.salt, HEADER.salt);
  });
});

suite('a sound header that does not fit', () => {
  test('of another format version is unsupported', () => {
    const buf = encodeFileHeader(HEADER);
    for (const off of [0, COPY_BYTES]) {
      buf[off + 6] = 2;
      reseal(buf, off);
    }
    assert.throws(
      () => decodeFileHeader(buf, buf.length, PATH),
      (error) => isVarveError(error, 'UNSUPPORTED') && error.file === PATH,
    );
  });

  test('of another class or number is corrupt', () => {
    const buf = encodeFileHeader(HEADER);
    const expect = (fileClass: number, fileNumber: number): FileHeader =>
      expectFileHeader(buf, buf.length, PATH, fileClass, fileNumber);
    assert.deepEqual(expect(FILE_CLASS_WAL, 7), HEADER);
    const isCorrupt = (error: unknown): boolean => isVarveError(error, 'CORRUPTION');
    assert.throws(() => expect(FILE_CLASS_TABLE, 7), isCorrupt);
    assert.throws(() => expect(FILE_CLASS_WAL, 8), isCorrupt);
  });

  test('with a number above 2^53-1 is no header', () => {
    for (const field of [8, 32, 40]) {
      const buf = encodeFileHeader(HEADER);
      for (const off of [0, COPY_BYTES]) {
        buf[off + field + 7] = 0xff;
        reseal(buf, off);
      }
      assert.equal(decodeFileHeader(buf, buf.length, PATH), undefined);
    }
  });
});

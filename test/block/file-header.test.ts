/**
 * File headers: the layout, and that one sound copy is enough.
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
  FILE_HEADER_BYTES_MAX,
  FILE_HEADER_BYTES_MIN,
  type FileHeader,
  fileHeaderBytes,
  headerBinding,
  isIntactHeader,
} from '../../src/block/file-header.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { writeReplicaParity } from '../../src/block/replicas.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { eccChoices, protections } from './arbitraries.ts';
import { ECC_CHOICES, eccName } from './block-file.ts';

const { h64Raw } = await xxhash();
await loadChecksum();

const PATH = 'dir/000007.wal';
const COPY_BYTES = 64;

const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const common = { fileNumber: fc.maxSafeNat(), salt: bytes16, protection: protections };
const own = fc.constantFrom(FILE_CLASS_TABLE, FILE_CLASS_MANIFEST);
const none = fc.constant(0);
/** Of logs, of tables and manifests, and of those that older versions wrote. */
const headers: fc.Arbitrary<FileHeader> = fc.oneof(
  headersOf({ ...common, fileClass: fc.constant(FILE_CLASS_WAL), baseSeqno: fc.maxSafeNat() }),
  headersOf({
    ...common,
    ...{ fileClass: own, baseSeqno: none, previousNumber: none },
    databaseId: bytes16.filter((id) => id.subarray(8).some((byte) => byte !== 0)),
  }),
  headersOf({ ...common, fileClass: own, baseSeqno: none }),
);

function headersOf(
  fields: Partial<{ [Name in keyof FileHeader]: fc.Arbitrary<FileHeader[Name]> }>,
): fc.Arbitrary<FileHeader> {
  const all = { previousNumber: fc.maxSafeNat(), ...fields };
  return fc.record(all, { noNullPrototype: true }) as unknown as fc.Arbitrary<FileHeader>;
}

const HEADER: FileHeader = {
  fileClass: FILE_CLASS_WAL,
  fileNumber: 7,
  salt: Uint8Array.from({ length: 16 }, (_, i) => 200 - i),
  previousNumber: 5,
  baseSeqno: 1000,
  protection: UNPROTECTED,
};

function headerWith(ecc: EccOptions | undefined): FileHeader {
  return { ...HEADER, protection: { ...UNPROTECTED, ecc } };
}

function copiesOf({ protection }: FileHeader): number {
  return protection.ecc?.scheme === 'reed-solomon' ? Math.max(2, protection.ecc.parity + 1) : 2;
}

/** Writes the right checksum into a copy that was changed. */
function reseal(buf: Uint8Array, off: number): void {
  const digest = h64Raw(buf.subarray(off, off + 56), 0n);
  new DataView(buf.buffer).setBigUint64(off + 56, digest, true);
}

/** A header and what stands behind it in its file, as much as a reader looks at. */
function fileWith(header: FileHeader): Uint8Array {
  const buf = new Uint8Array(FILE_HEADER_BYTES_MAX + 100);
  new SeededRandom(1).fill(buf);
  buf.set(encodeFileHeader(header));
  return buf.subarray(0, FILE_HEADER_BYTES_MAX);
}

/** Spoils one copy in one of several ways. */
function spoil(buf: Uint8Array, copy: number, how: number): void {
  const off = copy * COPY_BYTES;
  if (how === 0) buf.fill(0, off, off + COPY_BYTES);
  else if (how === 1) buf.fill(0xff, off, off + COPY_BYTES);
  else if (how === 2) buf[off + ((13 * copy) % COPY_BYTES)]! ^= 0x11;
  else buf.set(buf.slice(off, off + COPY_BYTES).reverse(), off);
}

suite('a file header', () => {
  test('round-trips, whatever stands behind it', () => {
    fc.assert(
      fc.property(headers, (header) => {
        const buf = encodeFileHeader(header);
        assert.equal(buf.length, fileHeaderBytes(header.protection));
        assert.ok(buf.length >= FILE_HEADER_BYTES_MIN && buf.length <= FILE_HEADER_BYTES_MAX);
        assert.deepEqual(decodeFileHeader(buf, buf.length, PATH), header);
        assert.deepEqual(decodeFileHeader(fileWith(header), FILE_HEADER_BYTES_MAX, PATH), header);
      }),
    );
  });

  test('has the documented layout', () => {
    const protection = { suiteId: 2, epoch: 513, ecc: { scheme: 'xor', data: 9 } } as const;
    const buf = encodeFileHeader({ ...HEADER, protection });
    const expected = new Uint8Array(2 * COPY_BYTES);
    const view = new DataView(expected.buffer);
    expected.set(new TextEncoder().encode('VARVEW'));
    view.setUint16(6, 1, true);
    view.setBigUint64(8, 7n, true);
    expected.set(HEADER.salt, 16);
    view.setBigUint64(32, 5n, true);
    view.setBigUint64(40, 1000n, true);
    expected.set([2, 0, 1, 2, 2, 9, 1, 0], 48);
    reseal(expected, 0);
    expected.copyWithin(COPY_BYTES, 0, COPY_BYTES);
    assert.deepEqual(buf, expected);
    assert.deepEqual(headerBinding({ ...HEADER, protection }), buf.slice(0, 56));
  });

  test('has one copy more than the code has parity shards, and two at least', () => {
    const bytes = (ecc?: EccOptions): number => fileHeaderBytes({ ...UNPROTECTED, ecc });
    assert.equal(bytes(), 128);
    assert.equal(bytes({ scheme: 'xor', data: 4 }), 128);
    assert.equal(bytes({ scheme: 'secded' }), 128 + 16);
    for (let parity = 1; parity <= 6; parity++) {
      assert.equal(bytes({ scheme: 'reed-solomon', data: 4, parity }), 64 * (parity + 1));
    }
  });

  test('that is torn counts as soon as its first copy is whole', () => {
    for (const ecc of ECC_CHOICES) {
      const header = headerWith(ecc);
      const buf = encodeFileHeader(header);
      for (let length = 0; length <= buf.length; length++) {
        const expected = length < COPY_BYTES ? undefined : header;
        assert.deepEqual(decodeFileHeader(buf, length, PATH), expected, `${length} bytes`);
        assert.equal(isIntactHeader(buf, length, header), length === buf.length);
      }
    }
  });

  test('gives a salt of its own', () => {
    const buf = encodeFileHeader(HEADER);
    const header = decodeFileHeader(buf, buf.length, PATH)!;
    buf.fill(0);
    assert.deepEqual(header.salt, HEADER.salt);
  });
});

suite('a damaged file header', () => {
  for (const ecc of ECC_CHOICES) {
    const header = headerWith(ecc);
    const copies = copiesOf(header);

    test(`with ${eccName(ecc)} is right whichever copies are damaged, but for one`, () => {
      for (let mask = 0; mask < 2 ** copies - 1; mask++) {
        for (const how of [0, 1, 2, 3]) {
          const buf = fileWith(header);
          for (let i = 0; i < copies; i++) if ((mask >> i) & 1) spoil(buf, i, how);
          const found = decodeFileHeader(buf, buf.length, PATH);
          assert.deepEqual(found, header, `copies ${mask}, ${how}`);
          assert.equal(isIntactHeader(buf, buf.length, header), mask === 0);
        }
      }
    });

    test(`with ${eccName(ecc)} is none if all copies are, and an error where one must be`, () => {
      const buf = fileWith(header);
      for (let i = 0; i < copies; i++) spoil(buf, i, 2 * (i % 2));
      assert.equal(decodeFileHeader(buf, buf.length, PATH), undefined);
      assert.throws(
        () => expectFileHeader(buf, buf.length, PATH, { fileClass: FILE_CLASS_WAL, fileNumber: 7 }),
        (error) => isVarveError(error, 'CORRUPTION') && error.file === PATH && error.offset === 0,
      );
    });

    test(`with ${eccName(ecc)} is not intact after any change, and does not end before`, () => {
      const buf = fileWith(header);
      const end = fileHeaderBytes(header.protection);
      for (let at = 0; at < buf.length; at++) {
        buf[at]! ^= 0x40;
        assert.equal(isIntactHeader(buf, buf.length, header), at >= end, `byte ${at}`);
        assert.deepEqual(decodeFileHeader(buf, buf.length, PATH), header);
        buf[at]! ^= 0x40;
      }
    });
  }

  test('is right with one wrong bit in every word and its check byte, under SEC-DED', () => {
    const header = headerWith({ scheme: 'secded' });
    const words = 2 * (COPY_BYTES / 8);
    const bits = fc.array(fc.nat(71), { minLength: words, maxLength: words });
    fc.assert(
      fc.property(bits, (list) => {
        const buf = fileWith(header);
        for (const [word, bit] of list.entries()) {
          const at = bit < 64 ? word * 8 + (bit >> 3) : 2 * COPY_BYTES + word;
          buf[at]! ^= 1 << (bit & 7);
        }
        const damaged = buf.slice();
        assert.deepEqual(decodeFileHeader(buf, buf.length, PATH), header);
        assert.deepEqual(buf, damaged, 'the bytes are borrowed');
      }),
    );
  });

  test('is not restored by bytes behind it that are no section', () => {
    const buf = fileWith(HEADER);
    // Behind a header without a code stands content, which may be anything.
    writeReplicaParity(buf, 0, 2 * COPY_BYTES);
    const own = fileWith(headerWith({ scheme: 'secded' }));
    for (const bytes of [buf, own]) for (const off of [3, 67]) bytes[off]! ^= 1;
    assert.equal(decodeFileHeader(buf, buf.length, PATH), undefined);
    assert.notEqual(decodeFileHeader(own, own.length, PATH), undefined);
  });

  test('is not replaced by what looks like a copy behind its last one', () => {
    fc.assert(
      fc.property(eccChoices, fc.nat(6), (ecc, at) => {
        const header = headerWith(ecc);
        const copies = copiesOf(header);
        const buf = fileWith(header);
        for (let i = 0; i < copies; i++) spoil(buf, i, 0);
        const copy = encodeFileHeader({ ...header, baseSeqno: 5 }).subarray(0, COPY_BYTES);
        buf.set(copy, at * COPY_BYTES);
        const found = decodeFileHeader(buf, buf.length, PATH);
        assert.equal(found?.baseSeqno, at < copies ? 5 : undefined);
      }),
    );
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

  test('of an unknown code is unsupported', () => {
    const buf = encodeFileHeader(HEADER);
    for (const off of [0, COPY_BYTES]) {
      buf[off + 52] = 9;
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
      expectFileHeader(buf, buf.length, PATH, { fileClass, fileNumber });
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

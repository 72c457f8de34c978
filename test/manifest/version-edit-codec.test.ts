import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { VarveError } from '../../src/errors.ts';
import { emptyEdit, type VersionEdit } from '../../src/manifest/version-edit.ts';
import { decodeVersionEdit, encodeVersionEdit } from '../../src/manifest/version-edit-codec.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { adding, table } from './manifest-fixture.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const fileNumber = number.map((n) => Math.max(1, n));
const familyId = fc.oneof(fc.nat(3), fc.nat(0xffff_ffff));
const level = fc.nat(6);
const half = fc.integer({ min: 0, max: 0xffff_ffff });
const bytes = fc.uint8Array({ maxLength: 40 });

const plain = { noNullPrototype: true } as const;

const meta: fc.Arbitrary<TableMeta> = fc
  .record({
    fileNumber,
    sizeBytes: number,
    keys: fc.tuple(bytes, bytes),
    seqnos: fc.tuple(number, number),
    counts: fc.tuple(number, number),
    rawBytes: number,
    checksumLow: half,
    checksumHigh: half,
    createdAtMs: number,
  })
  .map(({ keys, seqnos, counts, ...rest }) => {
    const [smallestKey, largestKey] = keys.sort(compareKeys);
    const [smallestSeqno, largestSeqno] = seqnos.sort((a, b) => a - b);
    const [tombstoneCount, entryCount] = counts.sort((a, b) => a - b);
    const ranges = { smallestKey, largestKey, smallestSeqno, largestSeqno };
    return { ...rest, ...ranges, entryCount, tombstoneCount };
  });

const edits: fc.Arbitrary<VersionEdit> = fc.record(
  {
    addedTables: fc.array(fc.record({ familyId, level, meta }, plain), { maxLength: 5 }),
    removedTables: fc.array(fc.record({ familyId, level, fileNumber }, plain), { maxLength: 5 }),
    createdFamilies: fc.array(
      fc.record({ id: familyId, name: fc.string({ unit: 'grapheme', maxLength: 12 }) }, plain),
      { maxLength: 3 },
    ),
    droppedFamilies: fc.array(familyId, { maxLength: 3 }),
    logNumbers: fc.array(fc.record({ familyId, logNumber: number }, plain), { maxLength: 3 }),
    nextFileNumber: number,
    nextFamilyId: number,
    lastSeqno: number,
    walEnds: fc.array(fc.record({ logNumber: number, sizeBytes: number }, plain), { maxLength: 3 }),
  },
  {
    requiredKeys: [
      'addedTables',
      'removedTables',
      'createdFamilies',
      'droppedFamilies',
      'logNumbers',
    ],
    noNullPrototype: true,
  },
);

function encode(edit: VersionEdit): Uint8Array {
  const out = new ByteWriter(16);
  encodeVersionEdit(edit, out);
  return out.buf.slice(0, out.length);
}

function decode(encoded: Uint8Array): VersionEdit {
  const shifted = new Uint8Array(encoded.length + 9).fill(0x55);
  shifted.set(encoded, 4);
  return decodeVersionEdit(shifted, 4, encoded.length, 'file', 42);
}

function decodesOrThrowsVarveError(encoded: Uint8Array): void {
  try {
    decode(encoded);
  } catch (error) {
    assert.ok(error instanceof VarveError, String(error));
    assert.ok(error.code === 'CORRUPTION' || error.code === 'UNSUPPORTED');
    assert.equal(error.file, 'file');
    assert.equal(error.offset, 42);
  }
}

/** A field with a one-byte tag and length. */
function field(tag: number, ...body: number[]): Uint8Array {
  return new Uint8Array([tag, body.length, ...body]);
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

describe('a version edit', () => {
  test('is decoded as it was encoded', () => {
    fc.assert(
      fc.property(edits, (edit) => {
        assert.deepEqual(decode(encode(edit)), edit);
      }),
    );
  });

  test('has a fixed encoding', () => {
    const edit = { ...adding(2, table(7, 'a', 'cc')), lastSeqno: 300 };
    const facts = [0, 2, 7, 0xef, 0x07, 7, 12, 10, 1, 0x88, 0x27];
    const time = [0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31];
    assert.deepEqual(encode({ ...emptyEdit(), droppedFamilies: [3] }), field(8, 3));
    assert.deepEqual(
      encode(edit),
      joined(
        new Uint8Array([2, 36]),
        field(2, ...facts, ...time),
        field(4, 0x61),
        field(6, 0x63, 0x63),
        field(8, 0xd7, 0x53, 0x84, 0x53, 7, 0, 0, 0),
        field(14, 0xac, 0x02),
      ),
    );
  });

  test('of random bytes is refused or decoded, never anything else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodesOrThrowsVarveError));
  });

  test('with changed bytes is refused or decoded, never anything else', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(edits, changes, fc.nat(), (edit, flips, cutAt) => {
        const encoded = encode(edit);
        for (const [at, value] of flips) encoded[at % Math.max(1, encoded.length)] = value;
        decodesOrThrowsVarveError(encoded);
        decodesOrThrowsVarveError(encoded.slice(0, cutAt % (encoded.length + 1)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a field that this version does not know', () => {
  const known = encode({ ...emptyEdit(), lastSeqno: 5 });

  test('is skipped when its tag says so', () => {
    const edit = decode(joined(field(101, 1, 2, 3), known));
    assert.deepEqual(edit, { ...emptyEdit(), lastSeqno: 5 });
  });

  test('makes the edit unsupported otherwise', () => {
    assert.throws(() => decode(joined(known, field(100, 1))), { code: 'UNSUPPORTED' });
  });

  test('follows the same rule inside a table', () => {
    const encoded = encode(adding(1, table(7, 'a', 'b')));
    const inside = encoded.slice(2);
    const withField = (extra: Uint8Array): Uint8Array =>
      joined(new Uint8Array([2, inside.length + extra.length]), inside, extra);
    assert.deepEqual(decode(withField(field(81, 9))), adding(1, table(7, 'a', 'b')));
    assert.throws(() => decode(withField(field(80, 9))), { code: 'UNSUPPORTED' });
  });
});

describe('an edit that no encoder writes', () => {
  const seqno = encode({ ...emptyEdit(), lastSeqno: 5 });
  const cases: Record<string, Uint8Array> = {
    'repeats a number': joined(seqno, seqno),
    'has bytes left in a field': field(14, 5, 5),
    'ends within a field': new Uint8Array([14, 3, 1]),
    'has a level that does not exist': field(4, 0, 7, 1),
    'has file number 0': field(4, 0, 1, 0),
    'has a name that is not UTF-8': field(6, 1, 0xff),
    'has a table without keys': field(2, ...field(2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)),
    'has a WAL end without a size': field(16, 4),
  };
  for (const [name, encoded] of Object.entries(cases)) {
    test(`${name} is damaged`, () => {
      assert.throws(() => decode(encoded), { code: 'CORRUPTION', file: 'file', offset: 42 });
    });
  }

  test('has a table with inverted ranges is damaged', () => {
    for (const bad of [
      table(7, 'b', 'a'),
      table(7, 'a', 'b', { smallestSeqno: 9, largestSeqno: 8 }),
      table(7, 'a', 'b', { entryCount: 1, tombstoneCount: 2 }),
    ]) {
      assert.throws(() => decode(encode(adding(1, bad))), { code: 'CORRUPTION' });
    }
  });
});

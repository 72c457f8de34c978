import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { FileProtection } from '../../src/block/file-protection.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
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

/** From 1 on. */
function upTo(max: number): fc.Arbitrary<number> {
  return fc.integer({ min: 1, max });
}

const ecc: fc.Arbitrary<EccOptions | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ scheme: 'secded' } as const),
  fc.record({ scheme: fc.constant('xor' as const), data: upTo(24) }, plain),
  fc.record(
    { scheme: fc.constant('reed-solomon' as const), data: upTo(24), parity: upTo(6) },
    plain,
  ),
);

const protection: fc.Arbitrary<FileProtection> = fc.oneof(
  fc.record({ suiteId: fc.constant(0), epoch: fc.constant(0), ecc }, plain),
  fc.record({ suiteId: upTo(255), epoch: upTo(0xffff), ecc }, plain),
);

const sixteenBytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

const keyCheck = fc.record({ epoch: upTo(0xffff), check: sixteenBytes }, plain);

const orNone = fc.oneof(fc.constant(undefined), fc.nat(1e9));
const loss = fc.record(
  {
    ordinal: orNone,
    offset: orNone,
    code: fc.constantFrom('CORRUPTION' as const, 'IO' as const, 'UNSUPPORTED' as const),
    gte: bytes,
    lt: bytes,
    message: fc.string({ unit: 'grapheme', maxLength: 20 }),
  },
  plain,
);
const tableLosses = fc.record({ fileNumber, places: fc.array(loss, { maxLength: 4 }) }, plain);

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
    codecId: fc.nat(255),
    protection,
    fileSalt: sixteenBytes,
    isOlder: fc.boolean(),
  })
  .map(({ keys, seqnos, counts, fileSalt, isOlder, ...rest }) => {
    const [smallestKey, largestKey] = keys.sort(compareKeys);
    const [smallestSeqno, largestSeqno] = seqnos.sort((a, b) => a - b);
    const [tombstoneCount, entryCount] = counts.sort((a, b) => a - b);
    const ranges = { smallestKey, largestKey, smallestSeqno, largestSeqno };
    const salt = isOlder && rest.protection.suiteId === 0 ? undefined : fileSalt;
    return { ...rest, ...ranges, entryCount, tombstoneCount, salt };
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
    sealedFrom: number,
    keyChecks: fc.array(keyCheck, { minLength: 1, maxLength: 3 }),
    losses: fc.array(tableLosses, { minLength: 1, maxLength: 3 }),
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

  test('has a fixed encoding of what encryption adds', () => {
    const check = Uint8Array.from({ length: 16 }, (_, i) => i);
    const edit = { ...emptyEdit(), sealedFrom: 300, keyChecks: [{ epoch: 200, check }] };
    assert.deepEqual(encode(edit), joined(field(20, 0xac, 0x02), field(22, 0xc8, 0x01, ...check)));
  });

  test('says how a table is stored, and nothing where it knows no salt and no stage is on', () => {
    const stored = (more: Partial<TableMeta>): Uint8Array => {
      const facts = encode(adding(2, table(7, 'a', 'cc')));
      const whole = encode(adding(2, table(7, 'a', 'cc', more)));
      assert.deepEqual(whole.subarray(2, facts.length), facts.subarray(2));
      return whole.slice(facts.length);
    };
    const shards = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
    assert.deepEqual(stored({}), new Uint8Array(0));
    assert.deepEqual(stored({ codecId: 2 }), field(10, 2, 0, 0, 0, 0, 0, 0, 0, 0));
    assert.deepEqual(
      stored({ protection: { suiteId: 0, epoch: 0, ecc: shards } }),
      field(10, 0, 0, 0, 0, 0, 3, 4, 2, 0),
    );
    const salt = Uint8Array.from({ length: 16 }, (_, i) => 100 + i);
    assert.deepEqual(stored({ salt }), field(10, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...salt));
    assert.deepEqual(
      stored({ codecId: 1, protection: { suiteId: 2, epoch: 258, ecc: shards }, salt }),
      field(10, 1, 2, 0, 2, 1, 3, 4, 2, 0, ...salt),
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
    'begins encryption twice': joined(field(20, 5), field(20, 5)),
    'has a key check of epoch 0': field(22, 0, ...new Uint8Array(16)),
    'has a key check of an epoch that is too large': field(
      22,
      0x80,
      0x80,
      4,
      ...new Uint8Array(16),
    ),
    'has a key check that is too short': field(22, 1, ...new Uint8Array(15)),
    'has a key check that is too long': field(22, 1, ...new Uint8Array(17)),
  };
  for (const [name, encoded] of Object.entries(cases)) {
    test(`${name} is damaged`, () => {
      assert.throws(() => decode(encoded), { code: 'CORRUPTION', file: 'file', offset: 42 });
    });
  }

  test('has a table with a wrong storage is damaged or not supported', () => {
    const whole = encode(adding(1, table(7, 'a', 'b', { codecId: 1 })));
    const at = whole.length - 9;
    const changed = (...changes: [place: number, value: number][]): Uint8Array => {
      const bytes = whole.slice();
      for (const [place, value] of changes) bytes[at + place] = value;
      return bytes;
    };
    const damaged = [
      changed([1, 1]),
      changed([3, 1]),
      changed([2, 1]),
      changed([8, 1]),
      changed([5, 3], [6, 0], [7, 2]),
      changed([5, 3], [6, 4], [7, 7]),
      changed([5, 2], [6, 25], [7, 1]),
    ];
    for (const [i, bytes] of damaged.entries()) {
      assert.throws(() => decode(bytes), { code: 'CORRUPTION', file: 'file', offset: 42 }, `${i}`);
    }
    assert.throws(() => decode(changed([5, 9])), { code: 'UNSUPPORTED' });
  });

  test('has an encrypted table without its salt, or a part of one, is damaged', () => {
    const salt = new Uint8Array(16).fill(7);
    /** A suite that this version does not know may be there: whoever reads the table is told. */
    const storedAs = (suiteId: number, saltBytes: number): Uint8Array => {
      const epoch = Math.min(suiteId, 1);
      const storage = [0, suiteId, 0, epoch, 0, 0, 0, 0, 0, ...salt.subarray(0, saltBytes)];
      const plain = encode(adding(1, table(7, 'a', 'b'))).slice(2);
      const inside = joined(plain, field(10, ...storage));
      return joined(new Uint8Array([2, inside.length]), inside);
    };
    for (const suiteId of [0, 1, 2, 9]) {
      const { meta } = decode(storedAs(suiteId, 16)).addedTables[0]!;
      assert.deepEqual([meta.protection.suiteId, meta.salt], [suiteId, salt]);
    }
    assert.equal(decode(storedAs(0, 0)).addedTables[0]!.meta.salt, undefined);
    for (const [suiteId, saltBytes] of [
      [1, 0],
      [2, 15],
      [9, 0],
      [0, 15],
    ] as const) {
      const damaged = { code: 'CORRUPTION', file: 'file', offset: 42 };
      assert.throws(() => decode(storedAs(suiteId, saltBytes)), damaged);
    }
  });

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

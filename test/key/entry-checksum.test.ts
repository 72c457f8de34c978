/**
 * The checksum of an entry: its formula, what it tells apart, and the errors that it leads to.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { isVarveError } from '../../src/errors.ts';
import { EntryGuard, entryChecksum, NO_ENTRY_CHECKSUM } from '../../src/key/entry-checksum.ts';
import { KIND_DELETE, KIND_PUT } from '../../src/key/kind.ts';
import { ArrayCursor, bytesOf, type Entry } from '../iterator/array-cursor.ts';

const { h32Raw } = await xxhash();

function checksumOf({ kind, key, value }: Omit<Entry, 'seqno'>): number {
  return entryChecksum(kind, key, 0, key.length, value, 0, value.length);
}

function entryOf(key: string, value: string, checksum?: number): Entry {
  const entry = { key: bytesOf(key), seqno: 77, kind: KIND_PUT, value: bytesOf(value) };
  return checksum === undefined ? entry : { ...entry, checksum };
}

function standingOn(entry: Entry): ArrayCursor {
  const cursor = new ArrayCursor([entry]);
  cursor.first();
  return cursor;
}

suite('the checksum of an entry', () => {
  const bytes = fc.uint8Array({ maxLength: 60 });
  const kinds = fc.constantFrom(KIND_DELETE, KIND_PUT);

  test('is the documented sum of two XXH32 and the kind', () => {
    fc.assert(
      fc.property(kinds, bytes, bytes, (kind, key, value) => {
        const sum =
          BigInt(h32Raw(key, 0)) * 0x9e3779b1n +
          BigInt(h32Raw(value, 0)) +
          BigInt(kind) * 0x85ebca77n;
        assert.equal(checksumOf({ kind, key, value }), Number(sum % 2n ** 32n));
      }),
    );
  });

  test('changes with any one bit of key, value and kind', () => {
    const sample = {
      kind: KIND_PUT,
      key: bytesOf('a key of 21 bytes ...'),
      value: bytesOf('and 9 b.'),
    };
    const right = checksumOf(sample);
    for (const part of [sample.key, sample.value]) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        part[bit >> 3]! ^= 1 << (bit & 7);
        assert.notEqual(checksumOf(sample), right);
        part[bit >> 3]! ^= 1 << (bit & 7);
      }
    }
    for (let bit = 0; bit < 8; bit++) {
      assert.notEqual(checksumOf({ ...sample, kind: sample.kind ^ (1 << bit) }), right);
    }
  });

  test('tells apart where the key ends and the value begins, and which is which', () => {
    const pairs = [
      ['ab', 'c'],
      ['a', 'bc'],
      ['c', 'ab'],
      ['abc', ''],
      ['', 'abc'],
    ];
    const sums = pairs.map(([key, value]) => checksumOf(entryOf(key!, value!)));
    assert.equal(new Set(sums).size, pairs.length);
  });
});

suite('a guard', () => {
  const guard = new EntryGuard('flush', 'a family');

  test('returns the checksum of a sound entry, stored or not', () => {
    const sum = checksumOf(entryOf('key', 'value'));
    assert.equal(guard.checkInput(standingOn(entryOf('key', 'value', sum))), sum);
    const without = standingOn(entryOf('key', 'value'));
    assert.equal(without.entryChecksum(), NO_ENTRY_CHECKSUM);
    assert.equal(guard.checkInput(without), sum);
  });

  test('refuses an entry that changed, naming work, family and seqno but no user byte', () => {
    const sum = checksumOf(entryOf('key', 'value'));
    for (const changed of [entryOf('kez', 'value', sum), entryOf('key', 'valu', sum)]) {
      assert.throws(
        () => guard.checkInput(standingOn(changed)),
        (error) =>
          isVarveError(error, 'CORRUPTION') &&
          /flush input, column family 'a family', seqno 77/.test(error.message) &&
          !/ke[yz]|valu/.test(error.message),
      );
    }
  });

  test('refuses lengths that lead out of the buffers, and a buffer that is not there', () => {
    const sum = checksumOf(entryOf('key', 'value'));
    const wrecks: ((cursor: ArrayCursor) => void)[] = [
      (cursor) => {
        cursor.keyLen = 0x7fff_ffff;
      },
      (cursor) => {
        cursor.valLen = 0x7fff_ffff;
      },
      (cursor) => {
        cursor.valLen = -1;
      },
      (cursor) => {
        cursor.valBuf = undefined as unknown as Uint8Array;
      },
    ];
    for (const wreck of wrecks) {
      const cursor = standingOn(entryOf('key', 'value', sum));
      wreck(cursor);
      assert.throws(
        () => guard.checkInput(cursor),
        (error) => isVarveError(error, 'CORRUPTION'),
      );
    }
  });
});

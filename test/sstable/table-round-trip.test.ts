import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from '../../src/bytes/compare.ts';
import { hash32 } from '../../src/bytes/hash32.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import type { Cursor } from '../../src/key/cursor.ts';
import { SEQNO_MAX } from '../../src/key/kind.ts';
import { Lookup } from '../../src/key/lookup.ts';
import type { Table } from '../../src/sstable/table.ts';
import {
  anyEntries,
  anyKey,
  anyOptions,
  current,
  type Entry,
  neighbours,
  tableOf,
} from './table-model.ts';

/** Index of the first entry at or after (key, seqno). */
function lowerBound(entries: readonly Entry[], key: Uint8Array, seqno: number): number {
  const at = entries.findIndex((entry) => {
    const order = compareKeys(entry.key, key);
    return order > 0 || (order === 0 && entry.seqno <= seqno);
  });
  return at < 0 ? entries.length : at;
}

function checkSeek(
  cursor: Cursor,
  entries: readonly Entry[],
  key: Uint8Array,
  seqno: number,
): void {
  const buf = Uint8Array.from([9, ...key, 9]);
  const at = lowerBound(entries, key, seqno);
  assert.equal(cursor.seek(buf, 1, key.length, seqno), at < entries.length);
  assert.deepEqual(current(cursor), entries[at]);
  const hit = entries[at];
  const exact = hit !== undefined && compareKeys(hit.key, key) === 0 && hit.seqno === seqno;
  const before = exact ? at : at - 1;
  assert.equal(cursor.seekForPrev(buf, 1, key.length, seqno), before >= 0);
  assert.deepEqual(current(cursor), entries[before]);
}

function checkGet(
  table: Table,
  entries: readonly Entry[],
  key: Uint8Array,
  seqno: number,
  out: Lookup,
): void {
  const buf = Uint8Array.from([9, ...key, 9]);
  const hash = hash32(buf, 1, key.length);
  const found = table.get(buf, 1, key.length, hash, seqno, out);
  const expected = entries[lowerBound(entries, key, seqno)];
  const present = expected !== undefined && compareKeys(expected.key, key) === 0;
  assert.equal(found, present);
  if (!present) return;
  assert.ok(table.mayContain(hash));
  assert.equal(out.seqno, expected.seqno);
  assert.equal(out.kind, expected.kind);
  const value = out.valBuf.slice(out.valOff, out.valOff + out.valLen);
  assert.deepEqual(new Uint8Array(value), expected.value);
}

test('seeks and lookups find what a sorted list finds, for keys, neighbours and seqnos', () => {
  const property = fc.property(
    anyEntries,
    anyOptions,
    fc.array(anyKey),
    (entries, options, keys) => {
      const table = tableOf(entries, options);
      const cursor = table.cursor();
      const out = new Lookup();
      const sampled = entries.filter((_, i) => entries.length < 60 || i % 5 === 0);
      for (const { key, seqno } of sampled) {
        for (const near of neighbours(key)) {
          for (const at of [seqno, seqno - 1, seqno + 1, 0, SEQNO_MAX]) {
            const bounded = Math.min(Math.max(at, 0), SEQNO_MAX);
            checkSeek(cursor, entries, near, bounded);
            checkGet(table, entries, near, bounded, out);
          }
        }
      }
      for (const key of keys) {
        checkSeek(cursor, entries, key, SEQNO_MAX);
        checkGet(table, entries, key, SEQNO_MAX, out);
      }
      cursor.close();
      table.close();
    },
  );
  fc.assert(property, { numRuns: 60 });
});

test('a cursor walks both ways and turns anywhere, whatever the cache and the read-ahead', () => {
  const property = fc.property(
    anyEntries,
    anyOptions,
    fc.constantFrom(0, 1500, 1 << 20),
    fc.constantFrom(undefined, 0, 300, 100_000),
    fc.array(fc.tuple(fc.nat(5), fc.nat(12), fc.nat(1000)), { maxLength: 60 }),
    (entries, options, capacityBytes, readAheadBytes, moves) => {
      const table = tableOf(entries, options, new BlockCache(capacityBytes));
      const cursor = table.cursor(
        readAheadBytes === undefined ? {} : { fillCache: false, readAheadBytes },
      );
      const warm = table.cursor();
      let at = -1;
      for (const [move, steps, pick] of moves) {
        warm.seek(entries[pick % entries.length]!.key, 0, 0, 0);
        at = moveBoth(cursor, entries, at, move, steps, pick);
      }
      table.close();
    },
  );
  fc.assert(property, { numRuns: 300 });
});

/** Makes one kind of move on cursor and model; returns the model's index, -1 for none. */
function moveBoth(
  cursor: Cursor,
  entries: readonly Entry[],
  from: number,
  move: number,
  steps: number,
  pick: number,
): number {
  const entry = entries[pick % entries.length]!;
  let at = from;
  const place = (index: number, valid: boolean): void => {
    at = index >= 0 && index < entries.length ? index : -1;
    assert.equal(valid, at >= 0);
    assert.equal(cursor.valid, valid);
    assert.deepEqual(current(cursor), entries[at]);
  };
  if (move === 0) place(0, cursor.first());
  else if (move === 1) place(entries.length - 1, cursor.last());
  else if (move === 2) {
    const { key, seqno } = entry;
    place(lowerBound(entries, key, seqno), cursor.seek(key, 0, key.length, seqno));
  } else if (move === 3) {
    const { key, seqno } = entry;
    place(lowerBound(entries, key, seqno), cursor.seekForPrev(key, 0, key.length, seqno));
  } else {
    for (let step = 0; step < steps && at >= 0; step++) {
      if (move === 4) place(at + 1, cursor.next());
      else place(at - 1, cursor.prev());
    }
  }
  return at;
}

test('verify accepts every table and counts what is in it', () => {
  const property = fc.property(anyEntries, anyOptions, (entries, options) => {
    const table = tableOf(entries, options);
    const counts = table.verify();
    assert.equal(counts.entryCount, entries.length);
    assert.equal(counts.tombstoneCount, entries.filter((entry) => entry.kind === 0).length);
    assert.equal(counts.sizeBytes, table.meta.sizeBytes);
    table.close();
  });
  fc.assert(property, { numRuns: 150 });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ArenaPool } from '../../src/bytes/arena.ts';
import {
  KEY_BYTES_MAX,
  KIND_DELETE,
  KIND_PUT,
  SEQNO_MAX,
  VALUE_BYTES_MAX,
} from '../../src/key/kind.ts';
import { Lookup } from '../../src/key/lookup.ts';
import { Memtable } from '../../src/memtable/memtable.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  assertSameContents,
  assertSameEntry,
  assertStandsOn,
  compareEntries,
  type Entry,
  getEntry,
  Model,
  putEntry,
} from './model.ts';

const NO_BYTES = new Uint8Array(0);

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

function entry(key: string, seqno: number, value = ''): Entry {
  return { key: bytes(key), seqno, kind: KIND_PUT, value: bytes(value) };
}

/** Keys that share prefixes, are prefixes of each other, or hold only the extreme bytes. */
const keyArbitrary: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: extremeBytes(6) },
  { weight: 3, arbitrary: fc.nat(400).map((n) => bytes(`app/users/very-long-prefix:${n}`)) },
  { weight: 2, arbitrary: fc.nat(5000).map((n) => bytes(String(n).padStart(16, '0'))) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.nat(300).map((n) => new Uint8Array(n)) },
);

function extremeBytes(maxLength: number): fc.Arbitrary<Uint8Array> {
  return fc
    .array(fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0xff), { maxLength })
    .map((all) => new Uint8Array(all));
}

type Step =
  | { readonly do: 'put'; readonly key: Uint8Array; readonly value: number | undefined }
  | { readonly do: 'get'; readonly key: Uint8Array; readonly age: number }
  | { readonly do: 'seek' | 'seekForPrev'; readonly key: Uint8Array; readonly age: number }
  | { readonly do: 'first' | 'last' | 'next' | 'prev' };

function stepArbitrary(key: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Step> {
  const value = fc.option(fc.nat(200), { nil: undefined, freq: 4 });
  const age = fc.oneof(fc.constant(0), fc.nat(300));
  return fc.oneof(
    { weight: 10, arbitrary: fc.record({ do: fc.constant('put' as const), key, value }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('get' as const), key, age }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('seek' as const, 'seekForPrev' as const),
        key,
        age,
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('first' as const, 'last' as const) }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('next' as const, 'prev' as const) }) },
  );
}

/** Takes every step on a memtable and on the model, with one cursor that lives through all. */
class Comparison {
  readonly table: Memtable;
  readonly model: Model;
  readonly #cursor: ReturnType<Memtable['cursor']>;
  #standsOn: Entry | undefined;
  #seqno: number;

  constructor() {
    this.table = new Memtable();
    this.model = new Model();
    this.#cursor = this.table.cursor();
    this.#standsOn = undefined;
    this.#seqno = 100;
  }

  take(step: Step): void {
    const cursor = this.#cursor;
    if (step.do === 'put') this.#put(step.key, step.value);
    else if (step.do === 'get') this.#get(step.key, this.#past(step.age));
    else if (step.do === 'first') this.#stand(cursor.first(), 0);
    else if (step.do === 'last') this.#stand(cursor.last(), this.model.entries.length - 1);
    else if (step.do === 'seek') this.#seek(step.key, this.#past(step.age));
    else if (step.do === 'seekForPrev') this.#seekForPrev(step.key, this.#past(step.age));
    else if (this.#standsOn !== undefined) {
      const index = this.model.indexFrom(this.#standsOn);
      if (step.do === 'next') this.#stand(cursor.next(), index + 1);
      else this.#stand(cursor.prev(), index - 1);
    }
  }

  #past(age: number): number {
    return Math.max(this.#seqno - age, 0);
  }

  #get(key: Uint8Array, seqno: number): void {
    assertSameEntry(getEntry(this.table, key, seqno), this.model.get(key, seqno));
  }

  #put(key: Uint8Array, length: number | undefined): void {
    this.#seqno += 1 + (key.length % 3);
    const kind = length === undefined ? KIND_DELETE : KIND_PUT;
    const value = new Uint8Array(length ?? 0).fill(this.#seqno);
    const added = { key, seqno: this.#seqno, kind, value };
    putEntry(this.table, added);
    this.model.put(added);
    // What a cursor stands on does not change under it.
    if (this.#standsOn !== undefined) assertStandsOn(this.#cursor, true, this.#standsOn);
  }

  #seek(key: Uint8Array, seqno: number): void {
    const moved = this.#cursor.seek(key, 0, key.length, seqno);
    this.#stand(moved, this.model.indexFrom({ key, seqno }));
  }

  #seekForPrev(key: Uint8Array, seqno: number): void {
    const index = this.model.indexFrom({ key, seqno });
    const at = this.model.entries[index];
    const isExact = at !== undefined && at.seqno === seqno && Buffer.compare(at.key, key) === 0;
    const moved = this.#cursor.seekForPrev(key, 0, key.length, seqno);
    this.#stand(moved, isExact ? index : index - 1);
  }

  #stand(moved: boolean, index: number): void {
    this.#standsOn = this.model.entries[index];
    assertStandsOn(this.#cursor, moved, this.#standsOn);
  }
}

test('random steps give what a sorted list gives, with a cursor standing throughout', () => {
  const steps = fc.array(stepArbitrary(keyArbitrary), { minLength: 1, maxLength: 400 });
  fc.assert(
    fc.property(steps, (all) => {
      const comparison = new Comparison();
      for (const step of all) comparison.take(step);
      assertSameContents(comparison.table, comparison.model);
      const { entries } = comparison.model;
      assert.equal(comparison.table.entryCount, entries.length);
      assert.equal(
        comparison.table.tombstoneCount,
        entries.filter((each) => each.kind === KIND_DELETE).length,
      );
    }),
    { numRuns: 300 },
  );
});

test('few keys with many versions stay in order and are found at every seqno', () => {
  const key = fc.nat(2).map((n) => bytes('k'.repeat(n)));
  const steps = fc.array(stepArbitrary(key), { minLength: 100, maxLength: 600 });
  fc.assert(
    fc.property(steps, (all) => {
      const comparison = new Comparison();
      for (const step of all) comparison.take(step);
      assertSameContents(comparison.table, comparison.model);
    }),
    { numRuns: 60 },
  );
});

/** Fills a table and a model with keys made from numbers in random order, all in one go. */
function fill(count: number, seed: number, keyOf: (n: number) => Uint8Array): [Memtable, Model] {
  const random = new SeededRandom(seed);
  const table = new Memtable();
  const byKey = new Map<string, Entry>();
  for (let seqno = 1; seqno <= count; seqno++) {
    const key = keyOf(random.below(count * 4));
    const text = Buffer.from(key).toString('latin1');
    if (byKey.has(text)) continue;
    const added = { key, seqno, kind: KIND_PUT, value: bytes(`v${seqno}`) };
    byKey.set(text, added);
    putEntry(table, added);
  }
  const model = new Model();
  model.entries.push(...[...byKey.values()].sort((a, b) => Buffer.compare(a.key, b.key)));
  return [table, model];
}

const KEY_SHAPES: Record<string, (n: number) => Uint8Array> = {
  'zero-padded decimals': (n) => bytes(String(n).padStart(16, '0')),
  'plain decimals': (n) => bytes(String(n)),
  'decimals behind a long prefix': (n) => bytes(`application/tenant/user:${n}`),
  'few groups with long prefixes': (n) => bytes(`group-${n % 3}/a-long-common-middle/${n}`),
  'scrambled words': (n) => {
    const word = Math.imul(n + 1, 0x9e3779b1);
    return new Uint8Array([word >>> 24, word >>> 16, word >>> 8, word, n >>> 8, n]);
  },
  'runs of zero bytes': (n) => new Uint8Array(n % 3000),
  'bytes 0x00 and 0xff': (n) => {
    const key = new Uint8Array(17);
    for (let i = 0; i < key.length; i++) key[i] = (n >>> i) & 1 ? 0xff : 0x00;
    return key;
  },
};

for (const [shape, keyOf] of Object.entries(KEY_SHAPES)) {
  test(`20,000 keys come back in order: ${shape}`, () => {
    const [table, model] = fill(20_000, 7, keyOf);
    assertSameContents(table, model);
    const cursor = table.cursor();
    for (let index = 0; index < model.entries.length; index += 97) {
      const expected = model.entries[index]!;
      const { key } = expected;
      assertStandsOn(cursor, cursor.seek(key, 0, key.length, SEQNO_MAX), expected);
      assertSameEntry(getEntry(table, key, SEQNO_MAX), expected);
      const behind = new Uint8Array([...key, 0]);
      const next = model.entries[model.indexFrom({ key: behind, seqno: SEQNO_MAX })];
      assertStandsOn(cursor, cursor.seek(behind, 0, behind.length, SEQNO_MAX), next);
    }
  });
}

test('a few keys at a time, far apart, find their places in a tree of long prefixes', () => {
  const random = new SeededRandom(5);
  const table = new Memtable();
  const entries: Entry[] = [];
  const numbers = new Set<number>();
  for (let seqno = 1; seqno <= 30_000; seqno++) {
    const n = random.below(1_000_000);
    if (numbers.has(n)) continue;
    numbers.add(n);
    const key = bytes(`group-${n % 4}/a-long-common-middle/${n}`);
    const added = { key, seqno, kind: KIND_PUT, value: NO_BYTES };
    putEntry(table, added);
    entries.push(added);
    // A cursor makes the waiting keys enter the tree.
    if (seqno > 20_000 && seqno % 3 === 0) table.cursor().first();
  }
  const model = new Model();
  model.entries.push(...entries.sort(compareEntries));
  assertSameContents(table, model);
});

test('ascending and descending keys come back in order', () => {
  for (const direction of [1, -1]) {
    const table = new Memtable();
    const model = new Model();
    for (let i = 1; i <= 20_000; i++) {
      const key = bytes(String(50_000 + i * direction));
      putEntry(table, { key, seqno: i, kind: KIND_PUT, value: NO_BYTES });
      model.entries.push({ key, seqno: i, kind: KIND_PUT, value: NO_BYTES });
    }
    if (direction < 0) model.entries.reverse();
    assertSameContents(table, model);
  }
});

test('a key out of order after very many in order finds its place', () => {
  const table = new Memtable();
  const count = 140_000;
  const keyAt = (i: number) => bytes(String(i).padStart(8, '0'));
  for (let i = 1; i <= count; i++) {
    putEntry(table, { key: keyAt(i * 2), seqno: i, kind: KIND_PUT, value: bytes('') });
  }
  for (const [i, at] of [count, 3, count * 2 + 1, 1].entries()) {
    putEntry(table, { key: keyAt(at), seqno: count + 1 + i, kind: KIND_PUT, value: bytes('') });
  }
  const cursor = table.cursor();
  let previous = '';
  let found = 0;
  for (let valid = cursor.first(); valid; valid = cursor.next()) {
    const { keyBuf, keyOff, keyLen } = cursor;
    const key = Buffer.from(keyBuf.subarray(keyOff, keyOff + keyLen)).toString('latin1');
    if (key !== previous) found++;
    assert.ok(key >= previous, `${key} after ${previous}`);
    previous = key;
  }
  cursor.close();
  assert.equal(found, count + 3);
});

test('a cursor that iterates while keys are added sees each of those that lie ahead once', () => {
  const random = new SeededRandom(3);
  const table = new Memtable();
  const model = new Model();
  const add = (seqno: number): void => {
    const key = bytes(String(random.below(1_000_000)).padStart(8, '0'));
    const added = { key, seqno, kind: KIND_PUT, value: NO_BYTES };
    putEntry(table, added);
    model.put(added);
  };
  for (let seqno = 1; seqno <= 2000; seqno++) add(seqno);
  const cursor = table.cursor();
  let steps = 0;
  let expected = model.entries[0]!;
  for (let valid = cursor.first(); valid; valid = cursor.next()) {
    assertStandsOn(cursor, true, expected);
    if (steps % 3 === 0) add(2001 + steps);
    steps++;
    const following = model.entries[model.indexFrom(expected) + 1];
    if (following === undefined) break;
    expected = following;
  }
  assert.equal(cursor.next(), false);
  assert.ok(steps > 2200);
});

test('a hot key answers every old snapshot without walking all of its versions', () => {
  const table = new Memtable();
  const versions = 200_000;
  const key = bytes('counter');
  for (let seqno = 1; seqno <= versions; seqno++) {
    putEntry(table, { key, seqno: seqno * 2, kind: KIND_PUT, value: bytes(String(seqno)) });
  }
  const cursor = table.cursor();
  // Walking would take 200,000 * 20,000 / 2 steps.
  for (let i = 1; i <= 20_000; i++) {
    const seqno = i * 20 + 1;
    const value = bytes(String(i * 10));
    const expected = { key, seqno: i * 20, kind: KIND_PUT, value };
    assertSameEntry(getEntry(table, key, seqno), expected);
    assertStandsOn(cursor, cursor.seek(key, 0, key.length, seqno), expected);
    if (i > 1) assert.equal(cursor.next() && cursor.seqno, i * 20 - 2);
    if (i > 1) assert.equal(cursor.prev() && cursor.seqno, i * 20);
  }
  assert.equal(getEntry(table, key, 1), undefined);
  assert.equal(cursor.seek(key, 0, key.length, 1), false);
});

test('an empty memtable has no entries and no place to stand', () => {
  const table = new Memtable();
  const cursor = table.cursor();
  assert.equal(table.isEmpty, true);
  assert.equal(cursor.first(), false);
  assert.equal(cursor.last(), false);
  assert.equal(cursor.seek(NO_BYTES, 0, 0, SEQNO_MAX), false);
  assert.equal(cursor.seekForPrev(NO_BYTES, 0, 0, 0), false);
  assert.equal(getEntry(table, NO_BYTES, SEQNO_MAX), undefined);
  assert.deepEqual([table.smallestSeqno, table.largestSeqno], [SEQNO_MAX, 0]);
  assert.ok(table.sizeBytes < 16 * 1024);
});

test('counts and seqno bounds describe the entries', () => {
  const table = new Memtable();
  putEntry(table, entry('b', 7, 'x'));
  putEntry(table, { ...entry('a', 9), kind: KIND_DELETE });
  putEntry(table, entry('b', SEQNO_MAX, 'y'));
  assert.equal(table.isEmpty, false);
  assert.deepEqual([table.entryCount, table.keyCount, table.tombstoneCount], [3, 2, 1]);
  assert.deepEqual([table.smallestSeqno, table.largestSeqno], [7, SEQNO_MAX]);
  assertSameEntry(getEntry(table, bytes('b'), SEQNO_MAX), entry('b', SEQNO_MAX, 'y'));
  assertSameEntry(getEntry(table, bytes('b'), SEQNO_MAX - 1), entry('b', 7, 'x'));
});

test('a lookup that finds nothing leaves the answer as it was', () => {
  const table = new Memtable();
  putEntry(table, entry('present', 5, 'x'));
  const out = new Lookup();
  out.seqno = 77;
  assert.equal(table.get(bytes('absent'), 0, 6, 1, SEQNO_MAX, out), false);
  assert.equal(getEntry(table, bytes('present'), 4), undefined);
  assert.equal(out.seqno, 77);
});

test('keys with one hash are told apart', () => {
  const table = new Memtable();
  for (let i = 0; i < 500; i++) {
    const key = bytes(`key ${i}`);
    table.put(key, 0, key.length, 42, i + 1, KIND_PUT, key, 0, key.length);
  }
  const out = new Lookup();
  for (let i = 0; i < 500; i++) {
    const key = bytes(`key ${i}`);
    assert.equal(table.get(key, 0, key.length, 42, SEQNO_MAX, out), true);
    assert.equal(out.seqno, i + 1);
  }
  assert.equal(table.get(bytes('other'), 0, 5, 42, SEQNO_MAX, out), false);
  assert.equal(table.keyCount, 500);
});

test('an older version after a newer one of the same key is a bug of the caller', () => {
  const table = new Memtable();
  putEntry(table, entry('k', 5));
  assert.throws(() => putEntry(table, entry('k', 5)), /invariant/);
  assert.throws(() => putEntry(table, entry('k', 4)), /invariant/);
});

test('the longest keys and values of all sizes around the storage limits come back whole', () => {
  const pool = new ArenaPool();
  const table = new Memtable({ arenaPool: pool });
  const model = new Model();
  let seqno = 0;
  for (const length of [0, 1, 31, 32, 33, 65_535, 65_536, 131_071, 131_072, 131_073, 3_000_001]) {
    for (const key of [bytes(`small ${length}`), new Uint8Array(KEY_BYTES_MAX).fill(length)]) {
      for (let version = 0; version < 2; version++) {
        const value = new Uint8Array(length);
        new SeededRandom(++seqno).fill(value);
        const added = { key, seqno, kind: KIND_PUT, value };
        putEntry(table, added);
        model.put(added);
      }
    }
  }
  assertSameContents(table, model);
  for (const each of model.entries) assertSameEntry(getEntry(table, each.key, each.seqno), each);
});

test('a value of 256 MiB is stored; a longer one, or a longer key, is a bug of the caller', () => {
  const table = new Memtable();
  const value = new Uint8Array(VALUE_BYTES_MAX + 1);
  value[VALUE_BYTES_MAX - 1] = 9;
  table.put(NO_BYTES, 0, 0, 1, 1, KIND_PUT, value, 0, VALUE_BYTES_MAX);
  const out = new Lookup();
  assert.equal(table.get(NO_BYTES, 0, 0, 1, 1, out), true);
  assert.equal(out.valLen, VALUE_BYTES_MAX);
  assert.equal(out.valBuf[out.valOff + out.valLen - 1], 9);
  assert.throws(
    () => table.put(NO_BYTES, 0, 0, 1, 2, KIND_PUT, value, 0, value.length),
    /invariant/,
  );
  const key = new Uint8Array(KEY_BYTES_MAX + 1);
  assert.throws(() => table.put(key, 0, key.length, 1, 2, KIND_PUT, value, 0, 0), /invariant/);
});

test('size grows with what is stored and stays near it', () => {
  const table = new Memtable();
  const value = new Uint8Array(100);
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    putEntry(table, {
      key: bytes(String(i).padStart(16, '0')),
      seqno: i + 1,
      kind: KIND_PUT,
      value,
    });
  }
  assert.ok(table.sizeBytes > count * 116);
  assert.ok(table.sizeBytes < count * 116 * 1.7, `${table.sizeBytes / count} bytes per entry`);
});

test('room for as many keys as are expected is made when the first have come, and for more', () => {
  for (const expectedKeys of [1, 100, 5000, 60_000]) {
    const table = new Memtable({ expectedKeys });
    assert.equal(table.sizeBytes, new Memtable().sizeBytes);
    const count = 10_000;
    for (let i = 0; i < count; i++) {
      putEntry(table, { key: bytes(`key ${i}`), seqno: i + 1, kind: KIND_PUT, value: bytes('v') });
    }
    for (let i = 0; i < count; i++) assert.ok(getEntry(table, bytes(`key ${i}`), count));
    assert.equal(getEntry(table, bytes(`key ${count}`), count), undefined);
  }
});

test('memory given back serves the next memtable, and nothing of the old one shows', () => {
  const pool = new ArenaPool();
  const fillOne = (seed: number): [Memtable, Model] => {
    const table = new Memtable({ arenaPool: pool });
    const model = new Model();
    const random = new SeededRandom(seed);
    for (let seqno = 1; seqno <= 3000; seqno++) {
      const key = bytes(String(random.below(5000)));
      const value = new Uint8Array(seqno % 1000 === 0 ? 200_000 : 50).fill(seed);
      const added = { key, seqno, kind: KIND_PUT, value };
      putEntry(table, added);
      model.put(added);
    }
    return [table, model];
  };
  const [first] = fillOne(1);
  first.release();
  const retained = pool.retainedBytes;
  assert.ok(retained > 0);
  for (let seed = 2; seed < 6; seed++) {
    const [table, model] = fillOne(seed);
    assert.ok(pool.retainedBytes < retained);
    assertSameContents(table, model);
    for (const each of model.entries.slice(0, 200)) {
      assertSameEntry(getEntry(table, each.key, each.seqno), each);
    }
    assert.equal(getEntry(table, bytes('never put'), SEQNO_MAX), undefined);
    table.release();
  }
  assert.equal(pool.retainedBytes, retained);
});

test('a released memtable refuses to be used', () => {
  const table = new Memtable();
  putEntry(table, entry('a', 1));
  putEntry(table, entry('b', 2));
  const standing = table.cursor();
  assert.equal(standing.first(), true);
  table.release();
  assert.throws(() => putEntry(table, entry('c', 3)), /invariant/);
  assert.throws(() => getEntry(table, bytes('a'), SEQNO_MAX), /invariant/);
  assert.throws(() => standing.next(), /invariant/);
  assert.throws(() => table.cursor().first(), /invariant/);
  assert.throws(() => table.release(), /invariant/);
});

test('closing a cursor twice is allowed, and a closed one may be positioned again', () => {
  const table = new Memtable();
  putEntry(table, entry('a', 1));
  const cursor = table.cursor();
  cursor.first();
  cursor.close();
  cursor.close();
  assert.equal(cursor.valid, false);
});

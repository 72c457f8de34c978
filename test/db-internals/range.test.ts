/**
 * Ranges: bounds against predicates, sizes against the tables.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { loadChecksum } from '../../src/block/checksum.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import type { DbCore } from '../../src/db/core.ts';
import type { Family } from '../../src/db/family.ts';
import { approximateSize, keyBytes, keyRangeOf, type RangeOptions } from '../../src/db/range.ts';
import type { KeyRange } from '../../src/iterator/user-cursor.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
import { TableCache } from '../../src/tables/table-cache.ts';
import { plainPipeline } from '../block/pipelines.ts';
import { DIRECTORY, World } from '../merge/merge-fixture.ts';

await loadChecksum();

const smallKey = fc
  .array(fc.constantFrom(0, 1, 0x61, 0xfe, 0xff), { maxLength: 3 })
  .map((bytes) => Uint8Array.from(bytes));
const maybeKey = fc.option(smallKey, { nil: undefined });

type Bounds = Pick<RangeOptions, 'gte' | 'gt' | 'lte' | 'lt' | 'prefix'>;

const ranges: fc.Arbitrary<Bounds> = fc.record(
  { gte: smallKey, gt: smallKey, lte: smallKey, lt: smallKey, prefix: smallKey },
  { requiredKeys: [] },
);

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return compareKeys(key.slice(0, prefix.length), prefix) === 0;
}

/** What the names of the options say. */
function isMeant(key: Uint8Array, options: Bounds): boolean {
  const { gte, gt, lte, lt, prefix } = options as Record<string, Uint8Array | undefined>;
  return (
    (gte === undefined || compareKeys(key, gte) >= 0) &&
    (gt === undefined || compareKeys(key, gt) > 0) &&
    (lte === undefined || compareKeys(key, lte) <= 0) &&
    (lt === undefined || compareKeys(key, lt) < 0) &&
    (prefix === undefined || startsWith(key, prefix))
  );
}

function isIn(key: Uint8Array, range: KeyRange): boolean {
  const { lower, lowerExclusive, upper, upperExclusive } = range;
  const low = lower === undefined ? 1 : compareKeys(key, lower);
  const high = upper === undefined ? -1 : compareKeys(key, upper);
  return (
    (lowerExclusive === true ? low > 0 : low >= 0) &&
    (upperExclusive === true ? high < 0 : high <= 0)
  );
}

suite('keyRangeOf', () => {
  test('holds exactly the keys that every given bound allows', () => {
    fc.assert(
      fc.property(ranges, fc.array(smallKey, { minLength: 20, maxLength: 40 }), (options, keys) => {
        const range = keyRangeOf(options);
        const near = Object.values(options) as Uint8Array[];
        for (const key of [...keys, ...near, ...near.map((one) => Uint8Array.of(...one, 0))]) {
          assert.equal(isIn(key, range), isMeant(key, options));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a prefix of highest bytes has no upper bound, the empty one no bounds that matter', () => {
    const highest = keyRangeOf({ prefix: Uint8Array.of(0xff, 0xff) });
    assert.equal(highest.upper, undefined);
    assert.deepEqual(keyRangeOf({ prefix: Uint8Array.of(0x61, 0xff) }).upper, Uint8Array.of(0x62));
    const all = keyRangeOf({ prefix: '' });
    assert.ok(isIn(new Uint8Array(0), all) && isIn(Uint8Array.of(0xff), all));
  });

  test('copies what it is given', () => {
    const key = Uint8Array.of(5);
    const range = keyRangeOf({ gte: key, prefix: key });
    key[0] = 9;
    assert.deepEqual(range.lower, Uint8Array.of(5));
    assert.deepEqual(range.upper, Uint8Array.of(6));
    const copy = keyBytes('text');
    assert.equal(copy.buffer.byteLength, 4);
  });

  test('refuses bounds that are no keys', () => {
    for (const name of ['gte', 'gt', 'lte', 'lt', 'prefix']) {
      for (const wrong of [null, 5, {}, '\udc00']) {
        assert.throws(() => keyRangeOf({ [name]: wrong } as RangeOptions), TypeError);
      }
      assert.throws(() => keyRangeOf({ [name]: new Uint8Array(65_537) }), RangeError);
    }
  });
});

suite('approximateSize', () => {
  const world = new World();
  const tables = new TableCache(world.fs, DIRECTORY, new BlockCache(1 << 20), plainPipeline(), 16);
  const value = new Uint8Array(100);
  const table = (from: number, to: number) => {
    const keys = Array.from({ length: to - from }, (_, i) => Uint8Array.of(from + i));
    return tables.slot(world.write(keys.map((key) => ({ key, seqno: 1, kind: KIND_PUT, value }))));
  };
  const levels = [[table(20, 120)], [table(0, 50), table(60, 200)], [table(10, 250)]];
  const total = levels.flat().reduce((sum, { meta }) => sum + meta.sizeBytes, 0);
  const size = (bounds: Bounds): number =>
    approximateSize(
      { tables } as unknown as DbCore,
      { view: { levels } } as unknown as Family,
      keyRangeOf(bounds),
    );
  const byte = fc.nat(255).map((one) => Uint8Array.of(one));
  /** A file header that is counted on both sides of a cut. */
  const slack = 128 * 4;

  test('of everything is the size of all tables, and opens none', () => {
    assert.equal(size({}), total);
    assert.equal(tables.openCount, 0);
    assert.equal(size({ gte: Uint8Array.of(0), lte: Uint8Array.of(251) }), total);
    assert.equal(tables.openCount, 0);
  });

  test('of two halves is that of the whole', () => {
    fc.assert(
      fc.property(byte, (key) => {
        const sum = size({ lt: key }) + size({ gte: key });
        assert.ok(sum >= total && sum <= total + slack, `${sum} of ${total}`);
      }),
    );
  });

  test('grows with the range and is near the share of the keys', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(250), { minLength: 4, maxLength: 4 }), (four) => {
        const [a, b, c, d] = four.sort((x, y) => x - y).map((one) => Uint8Array.of(one));
        const inner = size({ gte: b!, lt: c! });
        assert.ok(inner <= size({ gte: a!, lt: d! }) + slack);
        assert.ok(inner >= 0);
      }),
    );
    const half = size({ gte: Uint8Array.of(60), lt: Uint8Array.of(120) });
    const perEntry = total / (100 + 190 + 240);
    assert.ok(Math.abs(half - 180 * perEntry) < 6000, `${half}`);
  });

  test('of a range without keys is nothing', () => {
    assert.equal(size({ gt: Uint8Array.of(250) }), 0);
    assert.equal(size({ gte: Uint8Array.of(90), lt: Uint8Array.of(80) }), 0);
    fc.assert(fc.property(maybeKey, (key) => assert.ok(size(key ? { gte: key } : {}) <= total)));
  });
});

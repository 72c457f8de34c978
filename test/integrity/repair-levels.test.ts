import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import { placeTables, type UnplacedTable } from '../../src/integrity/repair-levels.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const key = (text: string) => new TextEncoder().encode(text);
let fileNumber = 0;

function table(
  level: number,
  keys: readonly [string, string],
  seqnos: readonly [number, number],
): UnplacedTable {
  const meta = {
    fileNumber: ++fileNumber,
    ...{ smallestKey: key(keys[0]), largestKey: key(keys[1]) },
    ...{ smallestSeqno: seqnos[0], largestSeqno: seqnos[1] },
  };
  return { level, meta: meta as TableMeta };
}

const unasked = () => assert.fail('seqnos tell it');

test('tables stay at the level for which they were made', () => {
  const tables = [
    table(0, ['a', 'z'], [50, 60]),
    table(0, ['a', 'z'], [40, 45]),
    table(1, ['a', 'k'], [20, 30]),
    table(1, ['l', 'z'], [25, 35]),
    table(4, ['a', 'z'], [0, 9]),
  ];
  assert.deepEqual(placeTables(tables, unasked), [0, 0, 1, 1, 4]);
});

test('one that had moved down goes below what was made since', () => {
  const moved = table(1, ['a', 'z'], [1, 9]);
  const since = table(2, ['c', 'd'], [20, 30]);
  assert.deepEqual(placeTables([moved, since], unasked), [3, 2]);
  const flushed = table(0, ['a', 'z'], [1, 9]);
  assert.deepEqual(placeTables([flushed, since], unasked), [3, 2]);
});

test('tables of one level that overlap are put above each other, the newer one first', () => {
  const [older, newer] = [table(6, ['a', 'm'], [1, 9]), table(6, ['k', 'z'], [10, 20])];
  assert.deepEqual(placeTables([older, newer], unasked), [6, 5]);
});

test('entries tell where seqnos overlap; without a common key any order will do', () => {
  const [a, b] = [table(1, ['a', 'm'], [0, 90]), table(2, ['k', 'z'], [0, 100])];
  assert.deepEqual(
    placeTables([a, b], (x) => (x === a.meta ? -1 : 1)),
    [1, 2],
  );
  assert.deepEqual(
    placeTables([a, b], (x) => (x === a.meta ? 1 : -1)),
    [3, 2],
  );
  assert.deepEqual(
    placeTables([a, b], () => 0),
    [1, 2],
  );
});

test('tables of one level that overlap without a common key do not stay in one level', () => {
  const [a, b] = [table(3, ['a', 'm'], [0, 90]), table(3, ['k', 'z'], [0, 100])];
  const levels = placeTables([a, b], () => 0);
  assert.deepEqual([...levels].sort(), [3, 4]);
});

test('an order that L0 does not have puts the older table deeper', () => {
  // The newer one for a key that both have, though the other one has the newest write.
  const [newer, older] = [table(0, ['a', 'z'], [1, 10]), table(0, ['a', 'z'], [5, 100])];
  const levels = placeTables([newer, older], (x) => (x === newer.meta ? -1 : 1));
  assert.deepEqual(levels, [0, 1]);
});

test('tables that are newer than each other are an error, and not a hang', () => {
  const tables = [1, 2, 3].map(() => table(1, ['a', 'z'], [0, 100]));
  const next = new Map(tables.map(({ meta }, i) => [meta, tables[(i + 1) % 3]!.meta]));
  assert.throws(
    () => placeTables(tables, (x, y) => (next.get(x) === y ? -1 : 1)),
    (error) => isVarveError(error, 'UNSUPPORTED'),
  );
});

test('any tree that could be is found again as one in which lookups meet the newest first', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed);
    // Layers from old to new: each disjoint, its seqnos above those of all layers below.
    const layers = 2 + random.below(8);
    const tables: UnplacedTable[] = [];
    const rank = new Map<TableMeta, number>();
    for (let layer = 0; layer < layers; layer++) {
      const level = Math.max(0, 6 - layer);
      for (let at = random.below(20); at < 80; at += 2 + random.below(30)) {
        const end = at + random.below(2);
        const made = random.below(level + 1);
        const name = (n: number) => String(n).padStart(3, '0');
        const seqnos = [layer * 10, layer * 10 + 1 + random.below(9)] as const;
        const one = table(made, [name(at), name(end)], seqnos);
        rank.set(one.meta, layer);
        tables.push(one);
      }
    }
    const levels = placeTables(tables, (x, y) => rank.get(y)! - rank.get(x)!);
    for (const [i, a] of tables.entries()) {
      for (const [j, b] of tables.entries()) {
        if (i === j || rank.get(a.meta)! <= rank.get(b.meta)! || !meet(a.meta, b.meta)) continue;
        const isAbove = levels[i]! < levels[j]! || (levels[i] === 0 && levels[j] === 0);
        assert.ok(isAbove, `seed ${seed}`);
        assert.ok(levels[j]! <= 6);
      }
    }
  }
});

function meet(a: TableMeta, b: TableMeta): boolean {
  return (
    Buffer.compare(a.smallestKey, b.largestKey) <= 0 &&
    Buffer.compare(b.smallestKey, a.largestKey) <= 0
  );
}

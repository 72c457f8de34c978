/**
 * The forward sweep over key ranges, against looking at every table.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from '../../src/bytes/compare.ts';
import { KeyRangeSweep } from '../../src/merge/key-range-sweep.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { keyOf, trees } from '../compaction/tree-model.ts';

const levels = trees.map((build) => build().levels.slice(1));
const questions = fc.array(fc.tuple(fc.nat(62), fc.constantFrom('mayHold', 'advance')), {
  maxLength: 40,
});

function passedBy(tables: readonly TableMeta[], key: Uint8Array): number {
  const passed = tables.filter((table) => compareKeys(table.largestKey, key) < 0);
  return passed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

suite('a sweep with ascending keys', () => {
  test('tells which keys some table covers, and the bytes it has passed', () => {
    fc.assert(
      fc.property(levels, questions, fc.nat(3), (all, asked, off) => {
        const sweep = new KeyRangeSweep(all);
        const tables = all.flat();
        let passedTables = 0;
        for (const [number, question] of asked.sort((a, b) => a[0] - b[0])) {
          const key = keyOf(number);
          const buf = new Uint8Array(off + key.length + 2).fill(0xff);
          buf.set(key, off);
          if (question === 'mayHold') {
            const isCovered = tables.some(
              (table) =>
                compareKeys(table.smallestKey, key) <= 0 && compareKeys(key, table.largestKey) <= 0,
            );
            assert.equal(sweep.mayHold(buf, off, key.length), isCovered);
          } else {
            const hasPassed = sweep.advance(buf, off, key.length);
            assert.equal(hasPassed, sweep.passedTables > passedTables);
          }
          assert.equal(sweep.passedBytes, passedBy(tables, key));
          passedTables = sweep.passedTables;
        }
      }),
      { numRuns: 300 },
    );
  });

  test('over no levels holds nothing', () => {
    const sweep = new KeyRangeSweep([]);
    assert.equal(sweep.mayHold(keyOf(1), 0, 1), false);
    assert.equal(sweep.advance(keyOf(2), 0, 1), false);
  });
});

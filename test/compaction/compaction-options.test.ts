/**
 * What users may say about compaction.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type CompactionOptions, parseCompactionOptions } from '../../src/compaction/options.ts';

const LEVELED = {
  policy: 'leveled',
  tombstonePercent: 50,
  tombstoneCountMin: 1000,
  periodicMs: 0,
  l0OverlapRatioMax: 10,
};

suite('options of compaction', () => {
  test('are those of the leveled policy if absent', () => {
    assert.deepEqual(parseCompactionOptions(undefined), LEVELED);
    assert.deepEqual(parseCompactionOptions('leveled'), LEVELED);
    assert.deepEqual(parseCompactionOptions({ policy: 'leveled' }), LEVELED);
  });

  test('have defaults for each policy', () => {
    const { l0OverlapRatioMax: _, ...upkeep } = LEVELED;
    assert.deepEqual(parseCompactionOptions('size-tiered'), {
      ...upkeep,
      policy: 'size-tiered',
      spaceAmplificationPercent: 50,
      deepRunCountMax: 4,
    });
    assert.deepEqual(parseCompactionOptions('fifo'), {
      policy: 'fifo',
      maxBytes: 1_073_741_824,
      maxAgeMs: 0,
      mergeTableCount: 0,
    });
  });

  test('are taken as they are given, one by one', () => {
    const given = { policy: 'fifo', maxBytes: 5_000_000, maxAgeMs: 3_600_000 } as const;
    assert.deepEqual(parseCompactionOptions(given), { ...given, mergeTableCount: 0 });
    const off = parseCompactionOptions({ policy: 'leveled', tombstonePercent: 0 });
    assert.deepEqual(off, { ...LEVELED, tombstonePercent: 0 });
  });

  test('are refused with a TypeError if they mean nothing', () => {
    const refused: [unknown, RegExp][] = [
      [null, /name of a policy or an object/],
      [7, /name of a policy or an object/],
      ['tiered', /unknown policy tiered/],
      ['toString', /unknown policy toString/],
      [{}, /unknown policy undefined/],
      [{ policy: 'leveled', maxBytes: 1 }, /unknown option of compaction 'leveled': maxBytes/],
      [{ policy: 'fifo', toString: 1 }, /unknown option of compaction 'fifo': toString/],
      [{ policy: 'fifo', maxBytes: '1 GiB' }, /compaction.maxBytes must be a number/],
      [{ policy: 'fifo', maxBytes: null }, /compaction.maxBytes must be a number/],
    ];
    for (const [value, message] of refused) {
      const parse = () => parseCompactionOptions(value as CompactionOptions);
      assert.throws(parse, { name: 'TypeError', message });
    }
  });

  test('are refused with a RangeError if they are out of range', () => {
    const refused: CompactionOptions[] = [
      { policy: 'leveled', tombstonePercent: 101 },
      { policy: 'leveled', tombstonePercent: 0.5 },
      { policy: 'leveled', tombstoneCountMin: 0 },
      { policy: 'leveled', periodicMs: 59_999 },
      { policy: 'leveled', l0OverlapRatioMax: 0 },
      { policy: 'size-tiered', spaceAmplificationPercent: 9 },
      { policy: 'size-tiered', deepRunCountMax: 6 },
      { policy: 'fifo', maxBytes: 0 },
      { policy: 'fifo', maxAgeMs: -1 },
      { policy: 'fifo', mergeTableCount: 1 },
      { policy: 'fifo', mergeTableCount: Number.NaN },
    ];
    for (const value of refused) {
      assert.throws(() => parseCompactionOptions(value), {
        name: 'RangeError',
        message: /^compaction\./,
      });
    }
  });
});

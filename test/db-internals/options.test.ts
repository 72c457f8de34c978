/**
 * Options: defaults, limits, and that nothing is silently ignored.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type DbOptions, resolveOptions, tableOptions } from '../../src/db/options.ts';

const MIB = 1_048_576;

/** Integer options, with their limits. */
const INTEGERS: readonly [name: keyof DbOptions, min: number, max: number][] = [
  ['blockSizeBytes', 512, MIB],
  ['restartInterval', 1, 256],
  ['targetTableBytes', 65_536, 2048 * MIB],
  ['l0TriggerCount', 1, 64],
  ['baseLevelBytes', 65_536, Number.MAX_SAFE_INTEGER],
  ['levelRatio', 2, 100],
  ['memoryBudgetBytes', MIB, Number.MAX_SAFE_INTEGER],
  ['writeBufferBytes', 16_384, Number.MAX_SAFE_INTEGER],
  ['blockCacheBytes', 0, Number.MAX_SAFE_INTEGER],
  ['openTablesMax', 16, Number.MAX_SAFE_INTEGER],
];
const FLAGS: readonly (keyof DbOptions)[] = ['createIfMissing', 'errorIfExists', 'readOnly', 'wal'];

suite('without options', () => {
  test('the documented defaults hold', () => {
    const { familyDefaults, families, ...settings } = resolveOptions({});
    assert.deepEqual(settings, {
      createIfMissing: true,
      errorIfExists: false,
      readOnly: false,
      writeBufferBytes: 16 * MIB,
      blockCacheBytes: 64 * MIB,
      openTablesMax: 500,
      wal: true,
      walRecovery: 'tolerate-tail',
    });
    assert.equal(families.size, 0);
    assert.deepEqual(familyDefaults, {
      blockSizeBytes: 4096,
      restartInterval: 8,
      filterBitsPerKey: [10],
      targetTableBytes: 32 * MIB,
      l0TriggerCount: 4,
      baseLevelBytes: 64 * MIB,
      levelRatio: 10,
    });
  });

  test('an option that is undefined is an absent one', () => {
    const absent = Object.fromEntries(
      [...INTEGERS.map(([name]) => name), ...FLAGS, 'walRecovery', 'columnFamilies', 'fs'].map(
        (name) => [name, undefined],
      ),
    );
    assert.deepEqual(resolveOptions(absent), resolveOptions({}));
  });

  test('buffer and cache follow the budget', () => {
    const settings = resolveOptions({ memoryBudgetBytes: 8 * MIB });
    assert.equal(settings.writeBufferBytes, MIB);
    assert.equal(settings.blockCacheBytes, 4 * MIB);
    const own = resolveOptions({ memoryBudgetBytes: 8 * MIB, blockCacheBytes: 0 });
    assert.equal(own.blockCacheBytes, 0);
  });
});

suite('integers', () => {
  for (const [name, min, max] of INTEGERS) {
    test(`${name} is an integer of ${min} to ${max}`, () => {
      for (const value of [min, min + 1, max]) {
        const settings = resolveOptions({ [name]: value });
        const found = { ...settings.familyDefaults, ...settings, memoryBudgetBytes: value };
        assert.equal(found[name as 'levelRatio'], value);
      }
      for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        assert.throws(() => resolveOptions({ [name]: value }), RangeError, `${value}`);
      }
      for (const value of [`${min}`, null, true, 5n, {}]) {
        assert.throws(() => resolveOptions({ [name]: value } as DbOptions), TypeError);
      }
    });
  }
});

suite('other settings', () => {
  test('flags are true or false', () => {
    for (const name of FLAGS) {
      for (const value of [true, false]) {
        assert.equal(resolveOptions({ [name]: value })[name as 'wal'], value);
      }
      for (const value of [1, 0, 'true', null]) {
        assert.throws(() => resolveOptions({ [name]: value } as DbOptions), TypeError);
      }
    }
  });

  test('the recovery mode is one of four', () => {
    for (const mode of ['absolute', 'tolerate-tail', 'point-in-time', 'skip'] as const) {
      assert.equal(resolveOptions({ walRecovery: mode }).walRecovery, mode);
    }
    assert.throws(
      () => resolveOptions({ walRecovery: 'fast' } as unknown as DbOptions),
      RangeError,
    );
  });

  test('names that mean nothing are refused, for the database and for a family', () => {
    assert.throws(() => resolveOptions({ blockSize: 4096 } as DbOptions), /blockSize/);
    const families = { logs: { blockSize: 4096 } } as unknown as DbOptions['columnFamilies'];
    assert.throws(() => resolveOptions({ columnFamilies: families! }), /'logs': blockSize/);
    const ofDb = { logs: { wal: false } } as unknown as DbOptions['columnFamilies'];
    assert.throws(() => resolveOptions({ columnFamilies: ofDb! }), TypeError);
  });

  test('options must be an object', () => {
    for (const wrong of [null, 'fast', 5]) {
      assert.throws(() => resolveOptions(wrong as unknown as DbOptions), TypeError);
    }
  });
});

suite('column families', () => {
  test('named in a list get the settings of the database', () => {
    const settings = resolveOptions({ columnFamilies: ['a', 'b'], levelRatio: 5 });
    assert.deepEqual([...settings.families.keys()], ['a', 'b']);
    assert.equal(settings.families.get('b')!.levelRatio, 5);
  });

  test('with settings of their own get the rest from the database', () => {
    const columnFamilies = { a: { levelRatio: 3 }, b: undefined, c: {} };
    const { families } = resolveOptions({ columnFamilies, levelRatio: 5, blockSizeBytes: 8192 });
    const ratios = [...families.values()].map(({ levelRatio }) => levelRatio);
    assert.deepEqual(ratios, [3, 5, 5]);
    assert.equal(families.get('a')!.blockSizeBytes, 8192);
  });

  test('are checked like the database', () => {
    const wrong = { a: { levelRatio: 1 } };
    assert.throws(() => resolveOptions({ columnFamilies: wrong }), RangeError);
    for (const value of ['a', 5, null]) {
      assert.throws(
        () => resolveOptions({ columnFamilies: value } as unknown as DbOptions),
        TypeError,
      );
      const own = { a: value } as unknown as DbOptions['columnFamilies'];
      assert.throws(() => resolveOptions({ columnFamilies: own! }), TypeError);
    }
  });
});

suite('filterBitsPerKey', () => {
  test('may differ by level; the last one holds for all deeper levels', () => {
    const { familyDefaults } = resolveOptions({ filterBitsPerKey: [14, 10.5, 0] });
    const bits = [0, 1, 2, 3, 6].map(
      (level) => tableOptions(familyDefaults, level).filterBitsPerKey,
    );
    assert.deepEqual(bits, [14, 10.5, 0, 0, 0]);
    assert.deepEqual(resolveOptions({ filterBitsPerKey: 5 }).familyDefaults.filterBitsPerKey, [5]);
  });

  test('is a number of 0 to 32 or a list of such', () => {
    for (const value of [-1, 33, Number.NaN, [10, 33]]) {
      assert.throws(() => resolveOptions({ filterBitsPerKey: value }), RangeError);
    }
    for (const value of [[], '10', null, ['10'], [null]]) {
      const options = { filterBitsPerKey: value } as unknown as DbOptions;
      assert.throws(() => resolveOptions(options), TypeError);
    }
  });

  test('does not follow later changes of the list', () => {
    const bits = [10, 5];
    const { familyDefaults } = resolveOptions({ filterBitsPerKey: bits });
    bits[0] = 0;
    assert.equal(tableOptions(familyDefaults, 0).filterBitsPerKey, 10);
  });

  test('and the block layout reach the table writer', () => {
    const { familyDefaults } = resolveOptions({ blockSizeBytes: 1024, restartInterval: 4 });
    const expected = { blockSizeBytes: 1024, restartInterval: 4, filterBitsPerKey: 10 };
    assert.deepEqual(tableOptions(familyDefaults, 3), expected);
  });
});

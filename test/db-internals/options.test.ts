/**
 * Options: defaults, limits, and that nothing is silently ignored.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import {
  type ColumnFamilyOptions,
  type DbOptions,
  type FamilySettings,
  tableOptions,
} from '../../src/db/options.ts';
import { resolveNewFamily, resolveOptions } from '../../src/db/resolve-options.ts';
import { codecSettings, pipelineOf, plainPipeline, testKeys } from '../block/pipelines.ts';

const MIB = 1_048_576;

/** Integer options, with their limits. */
const INTEGERS: readonly [name: keyof DbOptions, min: number, max: number][] = [
  ['blockSizeBytes', 512, MIB],
  ['restartInterval', 1, 256],
  ['targetTableBytes', 65_536, 2048 * MIB],
  ['l0TriggerCount', 1, 64],
  ['l0SlowdownCount', 1, 1000],
  ['l0StopCount', 4, 1000],
  ['compactionDebtSlowdownBytes', 1, Number.MAX_SAFE_INTEGER],
  ['compactionDebtStopBytes', 4096 * MIB, Number.MAX_SAFE_INTEGER],
  ['baseLevelBytes', 65_536, Number.MAX_SAFE_INTEGER],
  ['levelRatio', 2, 100],
  ['memoryBudgetBytes', MIB, Number.MAX_SAFE_INTEGER],
  ['writeBufferBytes', 16_384, Number.MAX_SAFE_INTEGER],
  ['blockCacheBytes', 0, Number.MAX_SAFE_INTEGER],
  ['openTablesMax', 16, Number.MAX_SAFE_INTEGER],
  ['rateLimitBytesPerSecond', 65_536, Number.MAX_SAFE_INTEGER],
];
const FLAGS: readonly (keyof DbOptions)[] = [
  'createIfMissing',
  'errorIfExists',
  'allowForeignFiles',
  'readOnly',
  'wal',
];
/** Options that are neither. */
const OTHERS: readonly (keyof DbOptions)[] = [
  'filterBitsPerKey',
  'compression',
  'ecc',
  'encryption',
  'walCompression',
  'walRecovery',
  'columnFamilies',
  'onEvent',
  'fs',
  'clock',
  'random',
  'hostLoop',
];
const ENCRYPTION: NonNullable<DbOptions['encryption']> = {
  suite: 'aes-256-gcm',
  epoch: 1,
  keys: testKeys(1),
};
const RS42 = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;

/** Options that the types forbid. */
function wrong(options: object): DbOptions {
  return options as DbOptions;
}

suite('without options', () => {
  test('the documented defaults hold', () => {
    const { familyDefaults, families, ...settings } = resolveOptions({});
    assert.deepEqual(settings, {
      createIfMissing: true,
      errorIfExists: false,
      allowForeignFiles: false,
      healFrom: [],
      healSources: [],
      readOnly: false,
      writeBufferBytes: 16 * MIB,
      memoryBudgetBytes: 128 * MIB,
      blockCacheBytes: undefined,
      openTablesMax: 500,
      workers: undefined,
      rateLimitBytesPerSecond: 0,
      scrub: {
        isOn: true,
        cycleMs: 30 * 86_400_000,
        bytesPerSecond: 4 * 1_048_576,
        hours: undefined,
        heal: true,
      },
      wal: true,
      walRecovery: 'tolerate-tail',
      walCompression: 'none',
    });
    assert.equal(families.size, 0);
    assert.deepEqual(familyDefaults, {
      blockSizeBytes: 4096,
      restartInterval: 8,
      filterBitsPerKey: [10],
      targetTableBytes: 32 * MIB,
      l0TriggerCount: 4,
      l0SlowdownCount: 20,
      l0StopCount: 36,
      compactionDebtSlowdownBytes: 4096 * MIB,
      compactionDebtStopBytes: 16_384 * MIB,
      baseLevelBytes: 64 * MIB,
      levelRatio: 10,
      entryChecksums: false,
      compaction: {
        policy: 'leveled',
        l0OverlapRatioMax: 10,
        periodicMs: 0,
        tombstoneCountMin: 1000,
        tombstonePercent: 50,
      },
      compression: [codecSettings('lz4')],
      ecc: undefined,
      encryption: false,
    });
  });

  test('an option that is undefined is an absent one', () => {
    const absent = Object.fromEntries(
      [...INTEGERS.map(([name]) => name), ...FLAGS, ...OTHERS].map((name) => [name, undefined]),
    );
    assert.deepEqual(resolveOptions(absent), resolveOptions({}));
  });

  test('the thresholds for writes follow the trigger, and each other', () => {
    const of = (options: DbOptions): number[] => {
      const { l0SlowdownCount, l0StopCount } = resolveOptions(options).familyDefaults;
      return [l0SlowdownCount, l0StopCount];
    };
    assert.deepEqual(of({ l0TriggerCount: 2 }), [10, 18]);
    assert.deepEqual(of({ l0SlowdownCount: 50 }), [50, 50]);
    assert.deepEqual(of({ l0StopCount: 5 }), [5, 5]);
    assert.throws(() => of({ l0SlowdownCount: 9, l0StopCount: 8 }), RangeError);
    assert.throws(() => of({ l0TriggerCount: 8, l0StopCount: 7 }), RangeError);
    const { compactionDebtStopBytes } = resolveOptions({
      compactionDebtSlowdownBytes: 32_768 * MIB,
    }).familyDefaults;
    assert.equal(compactionDebtStopBytes, 32_768 * MIB);
  });

  test('a profile sets what is not given', () => {
    const low = resolveOptions({ profile: 'low-memory', targetTableBytes: 2 * MIB });
    assert.equal(low.memoryBudgetBytes, 16 * MIB);
    assert.equal(low.workers, 1);
    assert.equal(low.familyDefaults.targetTableBytes, 2 * MIB);
    assert.equal(low.familyDefaults.baseLevelBytes, 16 * MIB);
    const heavy = resolveOptions({ profile: 'write-heavy', memoryBudgetBytes: 64 * MIB });
    assert.equal(heavy.writeBufferBytes, 16 * MIB);
    assert.equal(heavy.familyDefaults.compaction.policy, 'size-tiered');
    assert.deepEqual(resolveOptions({ profile: 'default' }), resolveOptions({}));
    assert.equal(resolveOptions({ profile: 'balanced' }).writeBufferBytes, 64 * MIB);
    for (const profile of ['fast', 1, null, 'toString']) {
      assert.throws(() => resolveOptions(wrong({ profile })), TypeError);
    }
  });

  test('buffer and cache follow the budget', () => {
    const settings = resolveOptions({ memoryBudgetBytes: 8 * MIB });
    assert.equal(settings.writeBufferBytes, MIB);
    assert.equal(settings.memoryBudgetBytes, 8 * MIB);
    assert.equal(settings.blockCacheBytes, undefined);
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

  test('entry checksums are on or off, by family', () => {
    const columnFamilies = { a: { entryChecksums: false }, b: {} };
    const { families, familyDefaults } = resolveOptions({ entryChecksums: true, columnFamilies });
    assert.equal(familyDefaults.entryChecksums, true);
    assert.equal(families.get('a')!.entryChecksums, false);
    assert.equal(families.get('b')!.entryChecksums, true);
    for (const value of [1, 0, 'true', null]) {
      assert.throws(
        () => resolveOptions({ entryChecksums: value } as unknown as DbOptions),
        TypeError,
      );
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
      (level) => tableOptions(familyDefaults, level, plainPipeline()).filterBitsPerKey,
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
    assert.equal(tableOptions(familyDefaults, 0, plainPipeline()).filterBitsPerKey, 10);
  });

  test('and the block layout reach the table writer', () => {
    const { familyDefaults } = resolveOptions({ blockSizeBytes: 1024, restartInterval: 4 });
    assert.deepEqual(tableOptions(familyDefaults, 3, plainPipeline()), {
      blockSizeBytes: 1024,
      restartInterval: 4,
      filterBitsPerKey: 10,
      compression: codecSettings('lz4'),
      protection: UNPROTECTED,
    });
  });
});

suite('compression', () => {
  const codecs = (options: DbOptions, levels: readonly number[]): string[] => {
    const { familyDefaults } = resolveOptions(options);
    const pipeline = plainPipeline();
    return levels.map((level) => tableOptions(familyDefaults, level, pipeline).compression.codec);
  };

  test('is lz4 on every level', () => {
    assert.deepEqual(codecs({}, [0, 1, 6]), ['lz4', 'lz4', 'lz4']);
  });

  test('may be chosen by level, or not at all', () => {
    const compression = ['none', 'lz4', { codec: 'zstd', level: 9 }] as const;
    assert.deepEqual(codecs({ compression }, [0, 1, 2, 6]), ['none', 'lz4', 'zstd', 'zstd']);
    assert.deepEqual(codecs({ compression: false }, [0, 6]), ['none', 'none']);
  });

  test('of a family may differ from that of the database', () => {
    const { families } = resolveOptions({
      compression: 'none',
      columnFamilies: { a: { compression: 'lz4' }, b: {} },
    });
    const found = [...families.values()].map(({ compression }) => compression[0]!.codec);
    assert.deepEqual(found, ['lz4', 'none']);
  });

  test('of another name is refused, for the log too', () => {
    assert.throws(() => resolveOptions(wrong({ compression: 'snappy' })), TypeError);
    const own = { a: { compression: 'snappy' } };
    assert.throws(() => resolveOptions(wrong({ columnFamilies: own })), TypeError);
    assert.equal(resolveOptions({ walCompression: 'lz4' }).walCompression, 'lz4');
    for (const value of ['zstd', true, null, false]) {
      assert.throws(() => resolveOptions(wrong({ walCompression: value })), TypeError);
    }
  });
});

suite('an error-correcting code', () => {
  test('is that of the database unless a family has its own or none', () => {
    const { familyDefaults, families } = resolveOptions({
      ecc: RS42,
      columnFamilies: { a: {}, b: { ecc: { scheme: 'secded' } }, c: { ecc: false } },
    });
    assert.deepEqual(familyDefaults.ecc, RS42);
    const found = [...families.values()].map(({ ecc }) => ecc);
    assert.deepEqual(found, [RS42, { scheme: 'secded' }, undefined]);
    assert.equal(resolveOptions({ ecc: false }).familyDefaults.ecc, undefined);
  });

  test('that does not exist is refused', () => {
    for (const ecc of [true, null, 'xor', {}, { scheme: 'raid' }, { ...RS42, spare: 1 }]) {
      assert.throws(() => resolveOptions(wrong({ ecc })), TypeError);
      assert.throws(() => resolveOptions(wrong({ columnFamilies: { a: { ecc } } })), TypeError);
    }
    for (const ecc of [
      { ...RS42, parity: 7 },
      { scheme: 'xor', data: 0 },
    ]) {
      assert.throws(() => resolveOptions(wrong({ ecc })), RangeError);
    }
  });

  test('reaches the table writer', () => {
    const { familyDefaults } = resolveOptions({ ecc: RS42 });
    const { protection } = tableOptions(familyDefaults, 0, plainPipeline());
    assert.deepEqual(protection, { suiteId: 0, epoch: 0, ecc: RS42 });
  });
});

suite('encryption', () => {
  test('of the database is that of its families, which may do without', async () => {
    const { familyDefaults, families } = resolveOptions({
      encryption: ENCRYPTION,
      columnFamilies: { a: {}, b: { encryption: false } },
    });
    const pipeline = await pipelineOf({ suite: 'chacha20-poly1305', epoch: 3 });
    const suiteOf = (settings: FamilySettings): number[] => {
      const { suiteId, epoch } = tableOptions(settings, 0, pipeline).protection;
      return [suiteId, epoch];
    };
    assert.deepEqual(suiteOf(familyDefaults), [2, 3]);
    assert.deepEqual(suiteOf(families.get('a')!), [2, 3]);
    assert.deepEqual(suiteOf(families.get('b')!), [0, 0]);
  });

  test('of a family needs that of the database', () => {
    for (const encryption of [undefined, false] as const) {
      const columnFamilies = { a: { encryption: true } };
      assert.throws(
        () => resolveOptions(wrong({ encryption, columnFamilies })),
        /'a' cannot be encrypted/,
      );
    }
    const clear = resolveOptions({}).familyDefaults;
    assert.throws(() => resolveNewFamily({ encryption: true }, clear), TypeError);
    const sealed = resolveOptions({ encryption: ENCRYPTION }).familyDefaults;
    assert.equal(resolveNewFamily({}, sealed).encryption, true);
    assert.equal(resolveNewFamily({ encryption: false }, sealed).encryption, false);
  });

  test('is an object for the database and a flag for a family', () => {
    for (const encryption of [true, null, 'aes-256-gcm', 1]) {
      assert.throws(() => resolveOptions(wrong({ encryption })), TypeError);
    }
    for (const encryption of [ENCRYPTION, null, 1]) {
      const own = { a: { encryption } } as unknown as Record<string, ColumnFamilyOptions>;
      assert.throws(
        () => resolveOptions({ encryption: ENCRYPTION, columnFamilies: own }),
        TypeError,
      );
    }
  });
});

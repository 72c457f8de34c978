/**
 * The presets of the benchmarks against the options of the engine.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { optionsOf, PRESETS, presetNamed } from '../../bench/driver/presets.ts';
import {
  DB_OPTION_NAMES,
  FAMILY_OPTION_NAMES,
  resolveOptions,
} from '../../src/db/resolve-options.ts';

for (const preset of PRESETS) {
  test(`preset ${preset.name} says something about every option there is`, () => {
    const existing = [...new Set([...DB_OPTION_NAMES, ...FAMILY_OPTION_NAMES])].sort();
    assert.deepEqual(Object.keys(preset.options).sort(), existing);
  });

  test(`preset ${preset.name} gives a reason for every option that it leaves alone`, () => {
    for (const [name, choice] of Object.entries(preset.options)) {
      if (!('value' in choice)) assert.ok(choice.leftBecause.length > 10, name);
    }
  });

  test(`the engine takes the options of preset ${preset.name}`, () => {
    resolveOptions(optionsOf(preset));
  });
}

test('rocksdb-parity gives db_bench the sizes that Varve gets', () => {
  const preset = presetNamed('rocksdb-parity');
  const options = optionsOf(preset);
  const flags = Object.fromEntries(preset.dbBenchFlags.map((flag) => flag.slice(2).split('=')));
  assert.deepEqual(
    {
      blockSizeBytes: Number(flags.block_size),
      filterBitsPerKey: Number(flags.bloom_bits),
      targetTableBytes: Number(flags.target_file_size_base),
      l0TriggerCount: Number(flags.level0_file_num_compaction_trigger),
      baseLevelBytes: Number(flags.max_bytes_for_level_base),
      levelRatio: Number(flags.max_bytes_for_level_multiplier),
      compression: flags.compression_type,
      writeBufferBytes: Number(flags.write_buffer_size),
      blockCacheBytes: Number(flags.cache_size),
    },
    {
      blockSizeBytes: options.blockSizeBytes,
      filterBitsPerKey: options.filterBitsPerKey,
      targetTableBytes: options.targetTableBytes,
      l0TriggerCount: options.l0TriggerCount,
      baseLevelBytes: options.baseLevelBytes,
      levelRatio: options.levelRatio,
      compression: options.compression,
      writeBufferBytes: options.writeBufferBytes,
      blockCacheBytes: options.blockCacheBytes,
    },
  );
  for (const name of ['ecc', 'encryption', 'entryChecksums'] as const) {
    assert.equal(options[name], false, name);
  }
});

test('the default preset gives db_bench the sizes that Varve has by default', () => {
  const flags = Object.fromEntries(
    presetNamed('default').dbBenchFlags.map((flag) => flag.slice(2).split('=')),
  );
  const settings = resolveOptions({});
  assert.equal(Number(flags.write_buffer_size), settings.writeBufferBytes);
  // RocksDB has two memtables by default.
  const memoryBytes = 2 * Number(flags.write_buffer_size) + Number(flags.cache_size);
  assert.equal(memoryBytes, settings.memoryBudgetBytes);
  assert.equal(Number(flags.target_file_size_base), settings.familyDefaults.targetTableBytes);
  assert.equal(Number(flags.max_bytes_for_level_base), settings.familyDefaults.baseLevelBytes);
  assert.deepEqual([Number(flags.bloom_bits)], settings.familyDefaults.filterBitsPerKey);
});

/**
 * The same load in RocksDB: its own db_bench, and its own statistics.
 * @module
 */

import { DEFAULTS } from '../driver/settings.ts';
import { commonFlags, runDbBench } from '../vs/db-bench.ts';
import { parseLevelFiles, parseProgress, parseTickers } from '../vs/db-bench-output.ts';
import { sizeOf } from '../vs/process-usage.ts';
import { type LoadCost, type LoadPlan, TENTHS } from './load.ts';

export async function loadRocksDb(plan: LoadPlan): Promise<LoadCost> {
  const { num, reads, directory } = plan;
  const settings = { ...DEFAULTS, ...plan };
  const flags = commonFlags(plan.preset, directory, settings);
  const run = await runDbBench([
    ...flags,
    '--benchmarks=filluniquerandom,flush,waitforcompaction,levelstats,readrandom',
    `--batch_size=${plan.batchSize}`,
    `--reads=${reads}`,
    `--stats_interval=${Math.ceil(num / TENTHS)}`,
    '--statistics=1',
  ]);
  const tickers = parseTickers(run.output + run.errors);
  const count = (name: string): number => tickers.get(name) ?? 0;
  const [l0 = 0, ...deeper] = parseLevelFiles(run.output);
  const diskBytes = sizeOf(directory);
  await runDbBench([...flags, '--benchmarks=compact', '--use_existing_db=1']);
  return {
    store: `RocksDB (${plan.preset})`,
    // The reads go on in the same way.
    rates: parseProgress(run.errors).slice(0, TENTHS),
    walBytes: count('wal.bytes'),
    flushBytes: count('flush.write.bytes'),
    compactionBytes: count('compact.write.bytes'),
    sortedRuns: l0 + deeper.filter((files) => files > 0).length,
    tablesPerRead: count('bloom.filter.full.positive') / reads,
    diskBytes,
    compactedBytes: sizeOf(directory),
    peakRssBytes: run.peakRssBytes ?? 0,
  };
}

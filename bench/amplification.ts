/**
 * Write, read and space amplification of a random load, beside RocksDB's from its own statistics;
 * and how the load holds its rate.
 *
 *     npm run bench -- amplification [--num N] [--preset LIST] [--engines varve,rocksdb]
 *                                    [--repeat N] [--reads N] [--db FOLDER] [--json]
 *
 * Every key once, in random order, 16 + 100 bytes compressible to half, in batches of 1000; 10 M
 * entries unless said. Medians of the rounds, in which stores take turns. Bytes count until
 * compactions have come to rest; then come the reads.
 *
 * - *write ampl.* bytes of log, flushes and compactions by bytes of keys and values; its parts
 *   beside it
 * - *runs* sorted runs at rest, which a read may have to ask; *tables/read* those that it looked
 *   into past their filters
 * - *disk/live* bytes of files by bytes of keys and values; *disk/compacted* by those of the same
 *   data merged into one sorted run
 * @module
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LoadCost, LoadPlan } from './amplification/load.ts';
import { loadRocksDb } from './amplification/rocksdb-load.ts';
import { presetNamed } from './driver/presets.ts';
import { megabytes, rate, textTable } from './driver/text-table.ts';
import { allPeers, whyMissing } from './vs/peers.ts';
import { median } from './vs/sample.ts';

const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const COMPRESSION_RATIO = 0.5;
const BATCH_ENTRIES = 1000;

const { values: flags } = parseArgs({
  options: {
    num: { type: 'string', default: '10000000' },
    preset: { type: 'string', default: 'default,rocksdb-parity' },
    engines: { type: 'string', default: 'varve,rocksdb' },
    repeat: { type: 'string', default: '1' },
    reads: { type: 'string', default: '200000' },
    db: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});
const num = Number(flags.num);
const liveBytes = num * (KEY_BYTES + VALUE_BYTES);

const costs = new Map<string, LoadCost[]>();
for (let round = 0; round < Number(flags.repeat); round++) {
  for (const preset of flags.preset.split(',').map((name) => presetNamed(name).name)) {
    for (const engine of flags.engines.split(',')) {
      const reason = engine === 'rocksdb' ? rocksDbMissing(preset) : undefined;
      if (reason !== undefined) note(`without RocksDB: ${reason}`);
      else addCost(await measure(engine, preset, round));
    }
  }
}
const all = [...costs.values()].map(medianCost);
if (flags.json) for (const cost of all) say(JSON.stringify(cost));
else say(`${costTable(all)}\n\n${rateTable(all)}`);

async function measure(engine: string, preset: string, round: number): Promise<LoadCost> {
  mkdirSync(flags.db, { recursive: true });
  const directory = mkdtempSync(join(flags.db, 'varve-amplification-'));
  const plan: LoadPlan = {
    preset,
    directory,
    num,
    keySize: KEY_BYTES,
    valueSize: VALUE_BYTES,
    compressionRatio: COMPRESSION_RATIO,
    seed: 1 + round,
    batchSize: BATCH_ENTRIES,
    reads: Number(flags.reads),
  };
  try {
    if (engine === 'rocksdb') return await loadRocksDb(plan);
    if (engine !== 'varve') throw new RangeError(`there is no engine ${engine}`);
    const program = fileURLToPath(new URL('./amplification/varve-load.js', import.meta.url));
    const args = ['--no-warnings', program, JSON.stringify(plan)];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function rocksDbMissing(preset: string): string | undefined {
  const peer = allPeers([preset]).find(({ kind }) => kind === 'native');
  return peer === undefined ? 'it is not among the peers' : whyMissing(peer);
}

function addCost(cost: LoadCost): void {
  const same = costs.get(cost.store) ?? [];
  same.push(cost);
  costs.set(cost.store, same);
  note(`${cost.store}: ${rate(mean(cost.rates))} writes/s`);
}

function medianCost(rounds: readonly LoadCost[]): LoadCost {
  const of = (get: (cost: LoadCost) => number): number => median(rounds.map(get));
  const first = rounds[0]!;
  return {
    store: first.store,
    rates: first.rates.map((_, tenth) => of(({ rates }) => rates[tenth] ?? 0)),
    walBytes: of(({ walBytes }) => walBytes),
    flushBytes: of(({ flushBytes }) => flushBytes),
    compactionBytes: of(({ compactionBytes }) => compactionBytes),
    sortedRuns: of(({ sortedRuns }) => sortedRuns),
    tablesPerRead: of(({ tablesPerRead }) => tablesPerRead),
    diskBytes: of(({ diskBytes }) => diskBytes),
    compactedBytes: of(({ compactedBytes }) => compactedBytes),
    peakRssBytes: of(({ peakRssBytes }) => peakRssBytes),
  };
}

function costTable(all: readonly LoadCost[]): string {
  const head = ['load', 'writes/s', 'write ampl.', 'log', 'flush', 'compaction'];
  const more = ['runs', 'tables/read', 'disk/live', 'disk/compacted', 'peak RSS'];
  const rows = all.map((cost) => {
    const { walBytes, flushBytes, compactionBytes, diskBytes } = cost;
    const perLive = (bytes: number): string => (bytes / liveBytes).toFixed(2);
    return [
      cost.store,
      rate(mean(cost.rates)),
      perLive(walBytes + flushBytes + compactionBytes),
      ...[walBytes, flushBytes, compactionBytes].map(perLive),
      String(cost.sortedRuns),
      cost.tablesPerRead.toFixed(2),
      perLive(diskBytes),
      (diskBytes / cost.compactedBytes).toFixed(2),
      megabytes(cost.peakRssBytes),
    ];
  });
  return textTable([...head, ...more], rows);
}

function rateTable(all: readonly LoadCost[]): string {
  const tenths = Array.from({ length: 10 }, (_, i) => `${i + 1}/10`);
  const rows = all.map(({ store, rates }) => [
    store,
    ...rates.map(rate),
    (rates.at(-1)! / rates[0]!).toFixed(2),
  ]);
  return textTable(['writes/s, by tenths', ...tenths, 'last/first'], rows);
}

/** Of rates over equal counts. */
function mean(rates: readonly number[]): number {
  return rates.length / rates.reduce((sum, one) => sum + 1 / one, 0);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

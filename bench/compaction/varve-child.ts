/**
 * Makes a database of overwritten entries, or compacts one, in a process of its own. Argument: a
 * {@link Compaction} as JSON. One that compacts prints a line when it is ready to, waits for a
 * line, and prints a {@link CompactionTime} as JSON.
 * @module
 */
import { once } from 'node:events';
import { type Db, type DbOptions, open, WriteBatch } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/index.ts';
import { optionsOf, presetNamed } from '../driver/presets.ts';
import { Session } from '../driver/session.ts';
import { DEFAULTS } from '../driver/settings.ts';
import { VarveEngine } from '../driver/varve-engine.ts';
import { workloadNamed } from '../driver/workloads.ts';

export interface Compaction {
  readonly directory: string;
  /** Entries to write; 0 to compact what is there. */
  readonly num: number;
  readonly workers: number;
  /** Entries of another family that are compacted before, untimed, so that the code is compiled. */
  readonly warmUp: number;
}

export interface CompactionTime {
  readonly seconds: number;
  /** Of the processor, by all threads. */
  readonly cpuSeconds: number;
}

const MANY = 2 ** 45;
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const BATCH = 1000;

/** Nothing is compacted before it is asked for. */
function optionsFor(workers: number): DbOptions {
  return {
    ...optionsOf(presetNamed('rocksdb-parity')),
    l0TriggerCount: 64,
    l0SlowdownCount: 1000,
    l0StopCount: 1000,
    baseLevelBytes: MANY,
    compactionDebtSlowdownBytes: MANY,
    compactionDebtStopBytes: MANY,
    workers,
  };
}

async function fill({ directory, num, workers }: Compaction): Promise<void> {
  const settings = { ...DEFAULTS, num: num / 2, batchSize: 1000 };
  const engine = new VarveEngine(optionsFor(workers));
  const session = new Session(engine, directory, settings, { isExisting: false });
  const first = workloadNamed('filluniquerandom');
  await session.prepare(first);
  await session.run(first);
  await session.run(workloadNamed('overwrite'));
  await session.close();
}

/** Opening and closing do not count: db_bench does not count them either. */
async function compact({ directory, workers, warmUp }: Compaction): Promise<CompactionTime> {
  const db = await open(directory, optionsFor(workers));
  // RocksDB's memtables are flushed before as well.
  await db.flush();
  if (warmUp > 0) await compactAnother(db, warmUp);
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await db.compact({ columnFamily: 'default' });
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await db.close();
  process.stdin.destroy();
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

/** Does the same with a family of its own, which goes then. */
async function compactAnother(db: Db, num: number): Promise<void> {
  const family = db.createColumnFamily('warm');
  const random = new SeededRandom(1);
  const value = new Uint8Array(VALUE_BYTES);
  for (let written = 0; written < num; written += BATCH) {
    const batch = new WriteBatch();
    for (let i = 0; i < BATCH; i++) {
      const key = String(random.below(num / 2)).padStart(KEY_BYTES, '0');
      // Half of it can be compressed.
      for (let at = 0; at < VALUE_BYTES / 2; at++) value[at] = random.below(256);
      batch.put(key, value, family);
    }
    db.write(batch);
  }
  await db.compact({ columnFamily: family });
  db.dropColumnFamily(family);
}

const job = JSON.parse(process.argv[2]!) as Compaction;
if (job.num > 0) await fill(job);
else process.stdout.write(`${JSON.stringify(await compact(job))}\n`);

/**
 * A full compaction of overwritten entries: Varve with one worker, two and none, beside RocksDB
 * with one and two threads.
 *
 *     npm run bench -- compaction [--num N] [--repeat N] [--db FOLDER] [--json]
 *
 * Half of the entries (2 M) have each key once, in random order; the other half overwrite random
 * ones. Nothing is compacted while they are written. Then copies of the data are compacted, by
 * turns, each in a process of its own under the settings of `rocksdb-parity`. Varve's code is
 * cold, as it is in a program that opens a database and compacts it, or warm, as in one that has
 * run for a while: then a family of the same size was compacted before. The processes of a round
 * are made ready first, so that their compactions follow each other within seconds: on a machine
 * whose speed changes, only these can be compared. Shown are medians, of ratios those within
 * rounds; `cpu` is the time of all threads. Beside every compaction it is measured what a second
 * thread is worth on the machine at all.
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { TwoThreads } from './compaction/two-threads.ts';
import type { Compaction, CompactionTime } from './compaction/varve-child.ts';
import { DEFAULTS } from './driver/settings.ts';
import { textTable } from './driver/text-table.ts';
import { commonFlags, runDbBench } from './vs/db-bench.ts';
import { allPeers, whyMissing } from './vs/peers.ts';
import { sizeOf } from './vs/process-usage.ts';
import { median } from './vs/sample.ts';

const PRESET = 'rocksdb-parity';

/** Who compacts; with so many workers or threads. */
interface Contender {
  readonly name: string;
  readonly engine: 'varve' | 'rocksdb';
  readonly threads: number;
  readonly isWarm: boolean;
}

const ROCKS: readonly Contender[] = [1, 2].map((threads) => {
  return {
    name: `RocksDB, ${threads} thread${threads > 1 ? 's' : ''}`,
    engine: 'rocksdb',
    threads,
    isWarm: true,
  };
});
const VARVES: readonly Contender[] = [true, false].flatMap((isWarm) =>
  [1, 2, 0].map((threads) => {
    const name = `varve, workers: ${threads}, ${isWarm ? 'warm' : 'cold'}`;
    return { name, engine: 'varve', threads, isWarm };
  }),
);

interface Sample extends Partial<CompactionTime> {
  readonly seconds: number;
  readonly sizeBytes: number;
}

const { values: flags } = parseArgs({
  options: {
    num: { type: 'string', default: '2000000' },
    repeat: { type: 'string', default: '5' },
    db: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});
const num = Number(flags.num);
mkdirSync(flags.db, { recursive: true });
const folder = mkdtempSync(join(flags.db, 'varve-compaction-'));
try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const rocks = allPeers([PRESET]).find(({ kind }) => kind === 'native')!;
  const reason = whyMissing(rocks);
  if (reason !== undefined) process.stderr.write(`without RocksDB: ${reason}\n`);
  const contenders = [...VARVES, ...(reason === undefined ? ROCKS : [])];
  const samples = new Map<Contender, Sample[]>(contenders.map((one) => [one, []]));
  for (const engine of new Set(contenders.map((one) => one.engine))) await fill(engine);
  const twoThreads = new TwoThreads();
  await twoThreads.measure();
  const scalings: number[] = [];
  for (let round = 0; round < Number(flags.repeat); round++) {
    const turn = round % contenders.length;
    const order = [...contenders.slice(turn), ...contenders.slice(0, turn)];
    const ready = await Promise.all(order.map((one, at) => prepare(one, join(folder, `${at}`))));
    for (const [at, one] of order.entries()) {
      scalings.push(await twoThreads.measure());
      const sample = await ready[at]!();
      samples.get(one)!.push(sample);
      process.stderr.write(`round ${round + 1}: ${one.name} ${sample.seconds.toFixed(2)} s\n`);
    }
  }
  await twoThreads.close();
  const scaling = median(scalings);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ samples: [...samples], scaling })}\n`);
    return;
  }
  process.stdout.write(`${tableOf(samples)}\n\n`);
  const text = `Two threads of pure arithmetic do ${scaling.toFixed(2)} times as much as one here.`;
  process.stdout.write(`${text}\n`);
}

async function fill(engine: Contender['engine']): Promise<void> {
  const directory = join(folder, engine);
  if (engine === 'varve') {
    const [code] = await once(spawnVarve({ directory, num, workers: 2, warmUp: 0 }), 'close');
    if (code !== 0) throw new Error('the database could not be filled');
    return;
  }
  await runDbBench([
    ...rocksFlags(directory),
    '--benchmarks=filluniquerandom,overwrite,flush',
    '--batch_size=1000',
  ]);
}

/** Makes a copy of the data in the directory; what is returned compacts and removes it. */
async function prepare(
  { engine, threads, isWarm }: Contender,
  directory: string,
): Promise<() => Promise<Sample>> {
  cpSync(join(folder, engine), directory, { recursive: true, mode: constants.COPYFILE_FICLONE });
  const compact =
    engine === 'varve'
      ? await prepareVarve({ directory, num: 0, workers: threads, warmUp: isWarm ? num : 0 })
      : () => compactRocks(directory, threads);
  return async () => {
    const time = await compact();
    const sizeBytes = sizeOf(directory);
    rmSync(directory, { recursive: true });
    return { ...time, sizeBytes };
  };
}

async function compactRocks(directory: string, threads: number): Promise<{ seconds: number }> {
  const { lines } = await runDbBench([
    ...rocksFlags(directory),
    '--benchmarks=compact',
    '--use_existing_db=1',
    `--subcompactions=${threads}`,
    `--max_background_jobs=${Math.max(2, threads)}`,
  ]);
  const line = lines.find(({ name }) => name === 'compact')!;
  return { seconds: line.microsPerOperation / 1e6 };
}

async function prepareVarve(job: Compaction): Promise<() => Promise<CompactionTime>> {
  const child = spawnVarve(job);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the process that compacts has ended without an answer');
    return value;
  };
  await nextLine();
  return async () => {
    child.stdin.end('go\n');
    return JSON.parse(await nextLine());
  };
}

function spawnVarve(job: Compaction) {
  const program = fileURLToPath(new URL('./compaction/varve-child.js', import.meta.url));
  const args = ['--no-warnings', program, JSON.stringify(job)];
  return spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
}

function rocksFlags(directory: string): string[] {
  return [
    ...commonFlags(PRESET, directory, { ...DEFAULTS, num: num / 2 }),
    '--disable_auto_compactions=true',
    '--level0_slowdown_writes_trigger=1000',
    '--level0_stop_writes_trigger=1000',
  ];
}

function tableOf(samples: ReadonlyMap<Contender, readonly Sample[]>): string {
  const ofName = (name: string): readonly Sample[] =>
    [...samples].find(([one]) => one.name === name)?.[1] ?? [];
  const [oneWorker, oneThread] = [ofName(VARVES[0]!.name), ofName(ROCKS[0]!.name)];
  const rows = [...samples].map(([{ name }, all]) => {
    const seconds = median(all.map((sample) => sample.seconds));
    const cpu = all.flatMap(({ cpuSeconds }) => (cpuSeconds === undefined ? [] : [cpuSeconds]));
    return [
      name,
      seconds.toFixed(2),
      cpu.length === 0 ? '' : median(cpu).toFixed(2),
      `${Math.round(num / seconds / 1000)} k`,
      (median(all.map(({ sizeBytes }) => sizeBytes)) / 1e6).toFixed(1),
      speedBy(oneWorker, all),
      speedBy(oneThread, all),
    ];
  });
  const head = ['compaction', 'seconds', 'cpu s', 'entries/s', 'MB left'];
  return textTable([...head, `by ${VARVES[0]!.name}`, `by ${ROCKS[0]!.name}`], rows);
}

/** The median over the rounds; empty when there is nothing to compare with. */
function speedBy(others: readonly Sample[], samples: readonly Sample[]): string {
  if (others.length === 0) return '';
  return median(samples.map(({ seconds }, at) => others[at]!.seconds / seconds)).toFixed(2);
}

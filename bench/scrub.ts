/**
 * How fast damage is looked for, and what that costs a program that goes on reading and writing.
 *
 *     npm run bench -- scrub [--mib N] [--rounds N] [--seconds N] [--json]
 *
 * Speed: `verify` of a database of N MiB that the system holds in its page cache, by checksums and
 * in full, and `scrub`, without worker threads, with one and with two; plain, and with compression,
 * encryption, error correction and entry checksums. Shown are MB of files per second, and
 * milliseconds of processor time of the whole process per MB, which a busy machine changes little.
 *
 * Latency: `readwhilewriting` (90 gets, then 10 puts), alone and beside a look at all files at
 * 20 MB/s, two workers. Rounds alternate which comes first; shown are medians of the rounds' p99 in
 * microseconds.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Db, type DbOptions, open } from '../src/index.ts';
import { machine } from './driver/result.ts';
import { textTable } from './driver/text-table.ts';

const VALUE_BYTES = 100;
const PACE_BYTES_PER_SECOND = 20_000_000;
const READS = 90;
const WRITES = 10;
/** So often the loop gives the host a turn. */
const TURN_MS = 10;

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '256' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const entryCount = Math.floor((Number(values.mib) * 1_048_576) / (VALUE_BYTES + 16));

const SETUPS: Readonly<Record<string, DbOptions>> = {
  plain: { compression: 'none', scrub: false },
  'all on': {
    compression: 'lz4',
    encryption: { suite: 'aes-256-gcm', epoch: 1, keys: { 1: new Uint8Array(32).fill(7) } },
    ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
    entryChecksums: true,
    scrub: false,
  },
};

/** Resolves with the bytes of files that were looked at. */
type Look = (db: Db) => Promise<number>;
const LOOKS: Readonly<Record<string, Look>> = {
  'verify, checksums': async (db) => (await db.verify({ depth: 'checksums' })).bytesRead,
  'verify, full': async (db) => (await db.verify()).bytesRead,
  scrub: async (db) => (await db.scrub()).bytesChecked,
};

interface Speed {
  readonly setup: string;
  readonly look: string;
  readonly workers: number;
  readonly megabytesPerSecond: number;
  readonly cpuMsPerMegabyte: number;
}

interface Latency {
  readonly setup: string;
  readonly beside: 'nothing' | 'a look at 20 MB/s';
  readonly getP99Us: number;
  readonly putP99Us: number;
  readonly operationsPerSecond: number;
}

const keyAt = (n: number): string => String(n).padStart(16, '0');

/** Half of each value repeats, as db_bench has it. */
function sampleValue(n: number): Uint8Array {
  const value = new Uint8Array(VALUE_BYTES);
  let state = (n * 2_654_435_761) >>> 0;
  for (let i = 0; i < VALUE_BYTES / 2; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    value[i] = state >>> 24;
  }
  value.copyWithin(VALUE_BYTES / 2, 0, VALUE_BYTES / 2);
  return value;
}

async function load(directory: string, options: DbOptions): Promise<void> {
  const db = await open(directory, options);
  for (let i = 0; i < entryCount; i++) db.put(keyAt((i * 7919) % entryCount), sampleValue(i));
  await db.compact();
  await db.close();
}

const middle = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;

async function speedsOf(setup: string, directory: string): Promise<Speed[]> {
  const speeds: Speed[] = [];
  for (const [look, run] of Object.entries(LOOKS)) {
    for (const workers of [0, 1, 2]) {
      const db = await open(directory, { ...SETUPS[setup], workers });
      // The first one fills the page cache and compiles.
      await run(db);
      const samples: { rate: number; cpu: number }[] = [];
      for (let round = 0; round < rounds; round++) {
        const cpuBefore = process.cpuUsage();
        const begin = performance.now();
        const bytes = await run(db);
        const milliseconds = performance.now() - begin;
        const { user, system } = process.cpuUsage(cpuBefore);
        const megabytes = bytes / 1e6;
        samples.push({
          rate: megabytes / (milliseconds / 1000),
          cpu: (user + system) / 1000 / megabytes,
        });
      }
      await db.close();
      const megabytesPerSecond = middle(samples.map(({ rate }) => rate));
      const cpuMsPerMegabyte = middle(samples.map(({ cpu }) => cpu));
      speeds.push({ setup, look, workers, megabytesPerSecond, cpuMsPerMegabyte });
    }
  }
  return speeds;
}

/** One stretch of readwhilewriting; times in microseconds. */
async function readWhileWriting(db: Db): Promise<{ gets: number[]; puts: number[]; ops: number }> {
  const gets: number[] = [];
  const puts: number[] = [];
  const begin = performance.now();
  const end = begin + Number(values.seconds) * 1000;
  let turnAt = begin + TURN_MS;
  let seed = 1;
  for (let now = begin; now < end; ) {
    for (let i = 0; i < READS + WRITES; i++) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      const key = keyAt(seed % entryCount);
      const before = performance.now();
      if (i < READS) db.get(key);
      else db.put(key, sampleValue(seed));
      now = performance.now();
      (i < READS ? gets : puts).push((now - before) * 1000);
    }
    if (now < turnAt) continue;
    await new Promise((resolve) => setImmediate(resolve));
    turnAt = performance.now() + TURN_MS;
  }
  const ops = (gets.length + puts.length) / ((performance.now() - begin) / 1000);
  return { gets, puts, ops };
}

const p99 = (times: number[]): number =>
  times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]!;

async function latencyOf(db: Db, isLooked: boolean): Promise<Omit<Latency, 'setup' | 'beside'>> {
  const stop = new AbortController();
  const look = async (): Promise<void> => {
    const options = { depth: 'checksums', bytesPerSecond: PACE_BYTES_PER_SECOND } as const;
    while (isLooked && !stop.signal.aborted) await db.verify({ ...options, signal: stop.signal });
  };
  const looking = look().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  const { gets, puts, ops } = await readWhileWriting(db);
  stop.abort();
  await looking;
  return { getP99Us: p99(gets), putP99Us: p99(puts), operationsPerSecond: ops };
}

async function latenciesOf(setup: string, directory: string): Promise<Latency[]> {
  const db = await open(directory, { ...SETUPS[setup], workers: 2 });
  await latencyOf(db, true);
  const samples = new Map<boolean, Omit<Latency, 'setup' | 'beside'>[]>([
    [false, []],
    [true, []],
  ]);
  for (let round = 0; round < rounds; round++) {
    for (const isLooked of round % 2 === 0 ? [false, true] : [true, false]) {
      samples.get(isLooked)!.push(await latencyOf(db, isLooked));
    }
  }
  await db.close();
  return [...samples].map(([isLooked, of]) => ({
    setup,
    beside: isLooked ? 'a look at 20 MB/s' : 'nothing',
    getP99Us: middle(of.map(({ getP99Us }) => getP99Us)),
    putP99Us: middle(of.map(({ putP99Us }) => putP99Us)),
    operationsPerSecond: middle(of.map((one) => one.operationsPerSecond)),
  }));
}

const folder = mkdtempSync(join(tmpdir(), 'varve-bench-scrub-'));
try {
  const speeds: Speed[] = [];
  const latencies: Latency[] = [];
  for (const setup of Object.keys(SETUPS)) {
    const directory = join(folder, setup.replace(' ', '-'));
    await load(directory, SETUPS[setup]!);
    speeds.push(...(await speedsOf(setup, directory)));
    latencies.push(...(await latenciesOf(setup, directory)));
    rmSync(directory, { recursive: true, force: true });
  }
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ machine: machine(), speeds, latencies })}\n`);
  } else {
    const speedRows = speeds.map((one) => [
      ...[one.setup, one.look, String(one.workers)],
      ...[one.megabytesPerSecond.toFixed(0), one.cpuMsPerMegabyte.toFixed(2)],
    ]);
    const latencyRows = latencies.map((one) => [
      ...[one.setup, one.beside, one.getP99Us.toFixed(1), one.putP99Us.toFixed(1)],
      one.operationsPerSecond.toFixed(0),
    ]);
    const speedHead = ['', 'look', 'workers', 'MB/s', 'CPU ms/MB'];
    const latencyHead = ['', 'beside', 'get p99 us', 'put p99 us', 'ops/s'];
    process.stdout.write(`${textTable(speedHead, speedRows, 2)}\n`);
    process.stdout.write(`${textTable(latencyHead, latencyRows, 2)}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

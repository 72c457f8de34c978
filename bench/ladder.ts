/**
 * What each stage of the block pipeline costs: flush, compaction, cold point reads, bytes on disk,
 * from raw blocks up to compression, encryption and error correction together.
 *
 *     npm run bench -- ladder [--num N] [--rounds N] [--json]
 *
 * Records of JSON with 16-byte keys, in random order. `flush` writes a memtable to one table,
 * `compact` merges four overlapping tables: MB of keys and values per second. `get` reads keys at
 * random with a cache of no bytes, so every read fetches, checks, decrypts and decompresses a block
 * (from the page cache of the system). Per second of processor time, on all threads; medians of
 * interleaved rounds.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Db, type DbOptions, open } from '../src/index.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';

const TABLES = 4;
const READS = 100_000;
const WARMING_READS = 20_000;
const MIB = 1_048_576;
const KEYS = { 1: Uint8Array.from({ length: 32 }, (_, i) => i) };

const AES = { encryption: { suite: 'aes-256-gcm', epoch: 1, keys: KEYS } } as const;
const CHACHA = { encryption: { suite: 'chacha20-poly1305', epoch: 1, keys: KEYS } } as const;
const RS = { ecc: { scheme: 'reed-solomon', data: 4, parity: 2 } } as const;
const XOR = { ecc: { scheme: 'xor', data: 4 } } as const;
const SECDED = { ecc: { scheme: 'secded' } } as const;
const RAW = { compression: 'none' } as const;
const TRAINED = { codec: 'zstd', dictionary: { trainedBytes: 16_384 } } as const;

const STEPS: Readonly<Record<string, DbOptions>> = {
  raw: RAW,
  '+ lz4': { compression: 'lz4' },
  '+ zstd': { compression: 'zstd' },
  '+ zstd, trained': { compression: TRAINED },
  '+ aes-256-gcm': { ...RAW, ...AES },
  '+ chacha20': { ...RAW, ...CHACHA },
  '+ rs(4,2)': { ...RAW, ...RS },
  '+ xor(4)': { ...RAW, ...XOR },
  '+ secded': { ...RAW, ...SECDED },
  '+ entry checksums': { ...RAW, entryChecksums: true },
  'lz4 + aes + rs(4,2)': { compression: 'lz4', ...AES, ...RS },
  'zstd + aes + rs(4,2)': { compression: 'zstd', ...AES, ...RS },
};

/** What one round of one step measured. */
interface Sample {
  readonly flushMbPerSecond: number;
  readonly compactMbPerSecond: number;
  readonly getPerSecond: number;
  readonly diskMb: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      num: { type: 'string', default: '200000' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
    },
  });
  const records = makeRecords(Number(values.num));
  const samples = new Map<string, Sample[]>();
  const steps = Object.entries(STEPS);
  // The first round warms up; each begins with another step, because what one leaves the next pays.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (let i = 0; i < steps.length; i++) {
      const [name, options] = steps[(i + round * 5) % steps.length]!;
      const sample = await measure(records, options);
      if (round > 0) samples.set(name, [...(samples.get(name) ?? []), sample]);
    }
  }
  const rows = Object.fromEntries(
    steps.map(([name]) => {
      const found = samples.get(name)!;
      const row = {
        'flush MB/s': median(found.map((sample) => sample.flushMbPerSecond)),
        'compact MB/s': median(found.map((sample) => sample.compactMbPerSecond)),
        'get k/s': median(found.map((sample) => sample.getPerSecond / 1000)),
        'disk MB': median(found.map((sample) => sample.diskMb)),
      };
      return [name, row];
    }),
  );
  if (values.json) console.log(JSON.stringify(rows));
  else console.table(rows);
}

async function measure(records: readonly Rec[], options: DbOptions): Promise<Sample> {
  const directory = mkdtempSync(join(tmpdir(), 'varve-ladder-'));
  const whole = { writeBufferBytes: 512 * MIB, l0TriggerCount: 64, wal: false, ...options };
  try {
    let db = await open(directory, whole);
    const part = Math.ceil(records.length / TABLES);
    let flushSeconds = 0;
    for (let from = 0; from < records.length; from += part) {
      for (const { key, value } of records.slice(from, from + part)) db.put(key, value);
      flushSeconds += await secondsOf(() => db.flush());
    }
    const compactSeconds = await secondsOf(() => db.compact());
    const { tableBytes } = db.stats();
    await db.close();
    db = await open(directory, { ...whole, blockCacheBytes: 0, readOnly: true });
    await read(db, records, WARMING_READS);
    const getSeconds = await secondsOf(() => read(db, records, READS));
    await db.close();
    const mb = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0) / 1e6;
    return {
      flushMbPerSecond: mb / flushSeconds,
      compactMbPerSecond: mb / compactSeconds,
      getPerSecond: READS / getSeconds,
      diskMb: tableBytes / 1e6,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function read(db: Db, records: readonly Rec[], count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { key, value } = records[(i * 7919) % records.length]!;
    if (db.get(key)?.length !== value.length) throw new Error('a read gave the wrong answer');
  }
}

/** Processor time, so that a busy machine does not count. */
async function secondsOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

interface Rec {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Records of about 150 bytes whose fields repeat as those of real ones do; a third is random. */
function makeRecords(count: number): Rec[] {
  const encoder = new TextEncoder();
  const random = new SeededRandom(1);
  const noise = new Uint8Array(18);
  return Array.from({ length: count }, (_, i) => {
    random.fill(noise);
    const id = (i * 2_654_435_761) % 4_294_967_296;
    const key = encoder.encode(id.toString(16).padStart(16, '0'));
    const token = Buffer.from(noise).toString('hex');
    const text = {
      id,
      name: `user ${id % 9973}`,
      city: CITIES[id % CITIES.length],
      active: true,
      token,
    };
    return { key, value: encoder.encode(JSON.stringify(text)) };
  });
}

const CITIES = ['Amsterdam', 'Berlin', 'Helsinki', 'Lisbon', 'Prague', 'Vienna'];

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return Number(sorted[Math.floor(sorted.length / 2)]!.toPrecision(3));
}

await main();

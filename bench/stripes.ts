/**
 * What stripe parity over whole tables costs a database, and what it gives back.
 *
 *     npm run bench -- stripes [--mib N] [--rounds N] [--json]
 *
 * A database without worker threads takes N MiB (64) of entries of 1 KB in four flushes that
 * overlap, and is then compacted; with each code in turn, round by round, plain and with LZ4 and
 * AES-256-GCM. Medians of the rounds, per second of processor time on all threads, so that a busy
 * machine does not count:
 *
 * - `flush`, `compaction`: MB of entries that went in; `cost` is the time beyond that without a
 *   code
 * - `space`: bytes of the tables after the compaction, beyond those without a code
 * - `hole`: longest piece of the largest table that comes back wherever it is lost; the table is as
 *   large as the option `targetTableBytes` says, 32 MiB
 * - `heal`: MB of such a hole in the middle of that table that a scrub without the key finds and
 *   writes back, its look at all of the database and the second look at the hole included. The
 *   program fails if the table is not what it was afterwards.
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { EccOptions } from '../src/ecc/options.ts';
import { StripeLayout } from '../src/ecc/stripe-layout.ts';
import { type DbOptions, NodeFs, open, scrubDirectory } from '../src/index.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { machine } from './driver/result.ts';
import { textTable } from './driver/text-table.ts';

const MIB = 1 << 20;
const VALUE_BYTES = 1000;
const FLUSHES = 4;

const SETUPS: Readonly<Record<string, DbOptions>> = {
  plain: { compression: 'none' },
  'lz4, aes': {
    compression: 'lz4',
    encryption: { suite: 'aes-256-gcm', epoch: 1, keys: { 1: new Uint8Array(32).fill(7) } },
  },
};
const CODES: Readonly<Record<string, EccOptions | false>> = {
  none: false,
  'stripe(20,2)': { scheme: 'none', stripe: { data: 20, parity: 2 } },
  'stripe(10,2)': { scheme: 'none', stripe: { data: 10, parity: 2 } },
  'rs(4,2)': { scheme: 'reed-solomon', data: 4, parity: 2 },
  'rs(4,2) stripe(20,2)': {
    ...{ scheme: 'reed-solomon', data: 4, parity: 2 },
    stripe: { data: 20, parity: 2 },
  },
};

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const entryCount = Math.floor((Number(values.mib) * MIB) / VALUE_BYTES);

/** What one life of a database came to: microseconds of processor time, and bytes. */
interface Life {
  readonly flush: number;
  readonly compaction: number;
  readonly heal: number;
  readonly tableBytes: number;
  readonly holeBytes: number;
}

/** A megabyte, of which half of every value repeats, as db_bench has it. */
function sampleValues(): Uint8Array {
  const sample = new Uint8Array(MIB);
  new SeededRandom(1).fill(sample);
  for (let at = 0; at + VALUE_BYTES <= sample.length; at += VALUE_BYTES) {
    sample.copyWithin(at + VALUE_BYTES / 2, at, at + VALUE_BYTES / 2);
  }
  return sample;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(begin);
  return user + system;
}

async function live(setup: DbOptions, ecc: EccOptions | false, sample: Uint8Array): Promise<Life> {
  const directory = mkdtempSync(join(tmpdir(), 'varve-bench-stripes-'));
  try {
    const db = await open(directory, {
      ...setup,
      ...{ ecc, workers: 0, wal: false, scrub: false, l0TriggerCount: 64 },
      ...{ writeBufferBytes: 128 * MIB, targetTableBytes: 32 * MIB },
    });
    let flush = 0;
    for (let round = 0; round < FLUSHES; round++) {
      for (let i = round; i < entryCount; i += FLUSHES) {
        const from = ((i * 7919) % Math.floor(MIB / VALUE_BYTES)) * VALUE_BYTES;
        db.put(String(i).padStart(16, '0'), sample.subarray(from, from + VALUE_BYTES));
      }
      flush += await timed(() => db.flush());
    }
    const compaction = await timed(() => db.compact());
    const tables = db.stats().columnFamilies.flatMap(({ levels }) => levels);
    const names = tables.flatMap((level) => level.tables).map(({ fileNumber }) => fileNumber);
    await db.close();
    const paths = names.map((number) => join(directory, `${String(number).padStart(6, '0')}.sst`));
    const sizes = paths.map((path) => statSync(path).size);
    const tableBytes = sizes.reduce((sum, size) => sum + size, 0);
    const largest = sizes.indexOf(Math.max(...sizes));
    const rest = await healed(directory, paths[largest]!, ecc);
    return { flush, compaction, tableBytes, ...rest };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Takes the longest piece away that stripes give back, and heals. */
async function healed(directory: string, path: string, ecc: EccOptions | false) {
  if (ecc === false || ecc.stripe === undefined) return { holeBytes: 0, heal: 0 };
  const before = readFileSync(path);
  const holeBytes = StripeLayout.ofFile(ecc.stripe, before.length)!.holeBytesMax;
  const fs = new NodeFs();
  const file = fs.open(path, 'update');
  file.write(new Uint8Array(holeBytes), 0, holeBytes, (before.length - holeBytes) >> 1);
  file.close();
  const heal = await timed(() => scrubDirectory(fs, directory, { heal: true }));
  if (!readFileSync(path).equals(before)) throw new Error('the hole was not healed');
  return { holeBytes, heal };
}

function median(list: readonly number[]): number {
  return [...list].sort((a, b) => a - b)[list.length >> 1]!;
}

async function measure(setup: DbOptions, sample: Uint8Array): Promise<Map<string, Life>> {
  const lives = new Map(Object.keys(CODES).map((name) => [name, [] as Life[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, ecc] of Object.entries(CODES)) {
      const life = await live(setup, ecc, sample);
      // The first round warms up.
      if (round > 0) lives.get(name)!.push(life);
    }
  }
  const parts = ['flush', 'compaction', 'heal', 'tableBytes', 'holeBytes'] as const;
  return new Map(
    [...lives].map(([name, list]) => {
      const medians = parts.map((part) => [part, median(list.map((life) => life[part]))]);
      return [name, Object.fromEntries(medians) as Life];
    }),
  );
}

function percent(value: number, base: number): string {
  return `${((100 * (value - base)) / base).toFixed(value - base < base / 5 ? 1 : 0)} %`;
}

/** MB of entries, or of a hole, per second. */
function speed(bytes: number, micros: number): string {
  return (bytes / micros).toFixed(0);
}

const results: Record<string, Record<string, Life>> = {};
const rows: string[][] = [];
const sample = sampleValues();
for (const [setupName, setup] of Object.entries(SETUPS)) {
  const lives = await measure(setup, sample);
  results[setupName] = Object.fromEntries(lives);
  const base = lives.get('none')!;
  const bytes = entryCount * (VALUE_BYTES + 16);
  for (const [name, life] of lives) {
    const isBase = life === base;
    rows.push([
      ...[setupName, name, speed(bytes, life.flush)],
      ...[isBase ? '' : percent(life.flush, base.flush), speed(bytes, life.compaction)],
      isBase ? '' : percent(life.compaction, base.compaction),
      isBase ? '' : percent(life.tableBytes, base.tableBytes),
      life.holeBytes === 0 ? '' : `${(life.holeBytes / MIB).toFixed(1)} MiB`,
      life.holeBytes === 0 ? '' : speed(life.holeBytes, life.heal),
    ]);
  }
}
if (values.json) console.log(JSON.stringify({ machine: machine(), results }));
else {
  const head = ['setup', 'code', 'flush', 'cost', 'compaction', 'cost', 'space', 'hole', 'heal'];
  console.log(textTable(head, rows, 2));
}

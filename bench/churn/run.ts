/**
 * Runs a churn on a database and watches the space that it takes.
 * @module
 */
import { type Db, WriteBatch } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { settled } from '../driver/settled.ts';
import { CHURNS } from './workloads.ts';

const KEY_BYTES = 16;
const BATCH_OPERATIONS = 100;
const POOL_BYTES = 1_048_576;
const LOOKS = 400;

/** How much is written, and how. */
export interface ChurnPlan {
  readonly name: string;
  /** Entries that are alive at a time. */
  readonly liveCount: number;
  readonly valueBytes: number;
  /** Puts by those that are alive. */
  readonly turnovers: number;
}

/** What a churn led to. */
export interface ChurnResult {
  /** Key and value bytes of the entries that are alive in the end. */
  readonly liveBytes: number;
  /** Most bytes of files from the moment when everything has been filled once. */
  readonly peakBytes: number;
  /** Bytes of files when all is flushed and compactions have ended. */
  readonly finalBytes: number;
  readonly operations: number;
  readonly seconds: number;
  readonly writeAmplification: number;
}

/**
 * @param db an empty database
 * @param diskBytes what its files take at the moment
 */
export async function runChurn(
  db: Db,
  plan: ChurnPlan,
  diskBytes: () => number,
): Promise<ChurnResult> {
  const { liveCount, valueBytes, turnovers } = plan;
  const total = liveCount * turnovers;
  const writer = new Writer(db, valueBytes);
  const lookInterval = Math.ceil((liveCount + total) / LOOKS / BATCH_OPERATIONS);
  let peakBytes = 0;
  const begin = performance.now();
  for (const number of CHURNS[plan.name]!(liveCount, total)) {
    if (!writer.add(number) || writer.batches % lookInterval > 0) continue;
    if (writer.puts >= liveCount) peakBytes = Math.max(peakBytes, diskBytes());
    // Lets the event loop take in what other threads report, as any program does.
    await new Promise((resolve) => setImmediate(resolve));
  }
  writer.write();
  const seconds = (performance.now() - begin) / 1000;
  await settled(db);
  const finalBytes = diskBytes();
  const { counters } = db.stats();
  const written =
    counters.walBytesWritten + counters.flushBytesWritten + counters.compactionBytesWritten;
  return {
    liveBytes: countEntries(db) * (KEY_BYTES + valueBytes),
    peakBytes,
    finalBytes,
    operations: writer.operations,
    seconds,
    writeAmplification: written / counters.userBytesWritten,
  };
}

function countEntries(db: Db): number {
  let count = 0;
  for (const _ of db.keys()) count++;
  return count;
}

/** Gathers operations into batches. */
class Writer {
  operations: number;
  puts: number;
  batches: number;
  readonly #db: Db;
  readonly #batch: WriteBatch;
  readonly #key: Uint8Array;
  readonly #values: Uint8Array;
  readonly #valueBytes: number;

  constructor(db: Db, valueBytes: number) {
    this.operations = 0;
    this.puts = 0;
    this.batches = 0;
    this.#db = db;
    this.#batch = new WriteBatch();
    this.#key = new Uint8Array(KEY_BYTES).fill(0x30);
    this.#values = new Uint8Array(POOL_BYTES + valueBytes);
    new SeededRandom(1).fill(this.#values);
    this.#valueBytes = valueBytes;
  }

  /** Returns whether a batch was written. */
  add(number: number): boolean {
    const isPut = number >= 0;
    const name = isPut ? number : ~number;
    setKey(this.#key, name);
    if (isPut) {
      const from = (this.puts++ * 317) % POOL_BYTES;
      this.#batch.put(this.#key, this.#values.subarray(from, from + this.#valueBytes));
    } else {
      this.#batch.delete(this.#key);
    }
    this.operations++;
    if (this.operations % BATCH_OPERATIONS > 0) return false;
    this.write();
    return true;
  }

  write(): void {
    this.#db.write(this.#batch);
    this.#batch.clear();
    this.batches++;
  }
}

function setKey(key: Uint8Array, number: number): void {
  let rest = number;
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    key[i] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

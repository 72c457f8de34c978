/**
 * Web workers at work, in a browser: what browser-program.ts runs. Each check throws if it fails,
 * and may return what it has measured.
 * @module
 */
import { type Db, type DbOptions, isVarveError } from '../../src/core.ts';
import { TRAP_CLOSE, TRAP_HANG, TRAP_THROW } from './browser-fs.ts';
import { check, checkEntries, SMALL, until, World, write, writeUntil } from './browser-world.ts';

const LOAD_COUNT = 200_000;
const COUNT = 30_000;
/** Room for a report; longer ones arrive in parts. */
const MAILBOX_BYTES = 0x1_0000;
/** Such flushes have a worker started at once. */
const LARGE_FLUSHES: DbOptions = { ...SMALL, writeBufferBytes: 1536 * 1024 };

/** Every stage, so that a worker needs all that tables can need. */
const EVERYTHING: DbOptions = {
  compression: { codec: 'zstd', dictionary: { trainedBytes: 1024 } },
  encryption: { suite: 'chacha20-poly1305', epoch: 1, keys: { 1: new Uint8Array(32).fill(7) } },
  ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
  entryChecksums: true,
};

export type Check = () => Promise<string | undefined>;

/** What came of a check. */
export interface Outcome {
  readonly name: string;
  /** What it has measured. */
  readonly note: string | undefined;
  /** Undefined if it passed. */
  readonly error: string | undefined;
  readonly milliseconds?: number;
}

export const CHECKS: Readonly<Record<string, Check>> = {
  'a loop of writes is read back, compacted and read back, without workers': () => load(0),
  'a loop of writes is read back, compacted and read back, with 2 workers': () => load(2),

  async 'workers write tables with every stage'() {
    const world = await World.open();
    const db = await world.openDb({ ...SMALL, ...EVERYTHING, workers: 2 });
    await world.startWorkers(db, COUNT, 2);
    const { begunWaitCount, doneCount } = world.threads;
    write(db, COUNT, 1);
    const waits = world.threads.begunWaitCount - begunWaitCount;
    check(waits > 0, 'the loop has waited for jobs of workers');
    await db.compact();
    check(world.threads.doneCount > doneCount, 'workers have done jobs');
    checkEntries(db, COUNT, 1);
    check((await db.verify()).uncorrectable.length === 0, 'verify finds nothing');
    await db.close();
    world.close();
    return `${waits} waits`;
  },

  async 'reports that are longer than the mailbox arrive, whether the thread blocks or not'() {
    const world = await World.open();
    const { threads } = world;
    // A report names the first and last key of each of many tables.
    const manyTables: DbOptions = { ...SMALL, targetTableBytes: 64 * 1024, compression: 'none' };
    const db = await world.openDb({ ...manyTables, workers: 1 });
    const padding = 'k'.repeat(4000);
    const isLong = (): boolean => threads.tablesMax * 2 * padding.length > MAILBOX_BYTES;
    await world.startWorkers(db, COUNT, 1);
    const rewrite = (round: number): void => {
      for (let n = 0; n < 3000; n++) db.put(`${padding}${(n * 7919) % 3000}`, `${round}`);
    };
    threads.tablesMax = 0;
    for (let round = 0; !isLong(); round++) rewrite(round % 10);
    rewrite(1);
    threads.tablesMax = 0;
    await db.compact();
    check(isLong(), `${threads.tablesMax} tables in a report while the thread was idle`);
    for (let n = 0; n < 3000; n++) check(db.get(`${padding}${n}`)?.[0] === 0x31, `key ${n}`);
    await db.close();
    world.close();
    return undefined;
  },

  async 'jobs that are done while the thread is idle are taken in'() {
    const world = await World.open();
    const db = await world.openDb({ ...SMALL, workers: 1 });
    write(db, 4000, 0);
    const frozen = (): number => db.stats().columnFamilies[0]!.frozenMemtableCount;
    check(frozen() > 0, 'there is something to do');
    await until(() => frozen() === 0);
    check(world.threads.doneCount > 0, 'a worker has done it');
    await db.close();
    world.close();
    return undefined;
  },

  async 'workers that have nothing to do end, and come back'() {
    const world = await World.open();
    const { threads } = world;
    const db = await world.openDb({ ...SMALL, workers: 2 });
    await world.startWorkers(db, COUNT, 2);
    await until(() => db.stats().workers.runningCount === 0);
    await until(() => threads.endCount === threads.startCount);
    check(threads.deaths.length === 0, threads.deaths.join());
    await world.startWorkers(db, COUNT, 2);
    checkEntries(db, COUNT, 0);
    await db.close();
    world.close();
    return undefined;
  },

  async 'a worker that ends without a word in a loop of writes is replaced at once'() {
    const world = await World.open();
    const db = await world.openDb({ ...LARGE_FLUSHES, workers: 2 });
    await world.startWorkers(db, COUNT, 2);
    const milliseconds = spring(world, db, TRAP_CLOSE);
    // Two minutes are what a silent worker is given.
    check(milliseconds < 120_000, `it took ${milliseconds} ms`);
    await db.flush();
    checkEntries(db, COUNT, 1);
    await db.compact();
    check(world.orphans(db) === 0, 'no file is left over');
    check(db.stats().backgroundError === undefined, `${db.stats().backgroundError}`);
    await db.close();
    world.close();
    return `${Math.round(milliseconds)} ms`;
  },

  async 'a worker that hangs is given up, and replaced, in a loop of writes'() {
    const world = await World.open();
    const { threads } = world;
    const db = await world.openDb({ ...LARGE_FLUSHES, workers: 1 });
    await world.startWorkers(db, COUNT, 1);
    // The database gives a silent worker two minutes.
    spring(world, db, TRAP_HANG, 30_000);
    const waits = world.trappedWaitCount;
    check(waits >= 4 && waits < 10, `${waits} waits of a second`);
    await db.compact();
    checkEntries(db, COUNT, 1);
    check(world.orphans(db) === 0, 'no file is left over');
    check(db.stats().backgroundError === undefined, `${db.stats().backgroundError}`);
    // Not before the worker that hung has really ended.
    await db.close();
    check(threads.endCount > 0, 'it was ended');
    world.close();
    return `${waits} waits`;
  },

  async 'a worker that throws while the thread is idle is replaced, and the cause is told'() {
    const world = await World.open();
    const { threads } = world;
    const db = await world.openDb({ ...SMALL, workers: 2 });
    await world.startWorkers(db, COUNT, 2);
    await db.flush();
    world.setTrap(TRAP_THROW);
    await db.compact();
    check(world.isTrapSprung(), 'a worker was trapped');
    await until(() => threads.deaths.length > 0);
    check(threads.deaths.join().includes('it was trapped'), `told: ${threads.deaths.join()}`);
    await world.startWorkers(db, COUNT, 2);
    checkEntries(db, COUNT, 0);
    await db.compact();
    check(world.orphans(db) === 0, 'no file is left over');
    await db.close();
    world.close();
    return undefined;
  },

  async 'close in the middle of a compaction leaves nothing behind'() {
    const world = await World.open();
    const { threads } = world;
    // So slow that it is not done before.
    const slow: DbOptions = { ...SMALL, rateLimitBytesPerSecond: 256 * 1024 };
    const first = await world.openDb({ ...SMALL, workers: 0 });
    write(first, COUNT, 0);
    await first.close();
    const db = await world.openDb({ ...slow, workers: 2 });
    const compaction = db.compact().catch((error: unknown) => error);
    await until(() => threads.hasBegun);
    await db.close();
    check(isVarveError(await compaction, 'CLOSED'), `compact says ${await compaction}`);
    const again = await world.openDb({ ...SMALL, workers: 0 });
    check(world.orphans(again) === 0, 'no file is left over');
    checkEntries(again, COUNT, 0);
    await again.close();
    world.close();
    return undefined;
  },

  async 'a worker that gets no file system is done without, and why is told'() {
    const world = await World.open(4 << 20, 'noSuchExport');
    const db = await world.openDb({ ...SMALL, workers: 1 });
    write(db, 4000, 0);
    await db.flush();
    check(db.stats().tableCount > 0, 'it is flushed');
    await db.compact();
    checkEntries(db, 4000, 0);
    await until(() => db.stats().workers.error !== undefined);
    const { backgroundError, workers } = db.stats();
    check(backgroundError === undefined, `${backgroundError}`);
    check(workers.error!.includes('noSuchExport() of http'), workers.error!);
    await db.close();
    world.close();
    return undefined;
  },
};

/**
 * Traps a worker in a job that it has begun, while a synchronous loop writes round 1, until another
 * one has come in its place and does jobs: all that without a turn of the host. Returns how many
 * milliseconds passed from when the loop saw that to the start of that one.
 */
function spring(world: World, db: Db, action: number, hurryMs = 0): number {
  const { threads } = world;
  const { startCount } = threads;
  world.setTrap(action, hurryMs);
  writeUntil(db, COUNT, 1, 'a worker is trapped', () => world.isTrapSprung());
  const sprung = performance.now();
  writeUntil(db, COUNT, 1, 'it is replaced', () => threads.startCount > startCount);
  const milliseconds = performance.now() - sprung;
  writeUntil(db, COUNT, 1, 'all workers are there', () => threads.readyCount >= startCount);
  const { doneCount } = threads;
  writeUntil(db, COUNT, 1, 'workers do jobs', () => threads.doneCount > doneCount);
  check(threads.deaths.length === 0, 'the host had no turn');
  write(db, COUNT, 1);
  return milliseconds;
}

/** Loads a database in one synchronous loop, and says how long everything took. */
async function load(workers: number): Promise<string> {
  const world = await World.open(256 << 20);
  const db = await world.openDb({ writeBufferBytes: 2 << 20, targetTableBytes: 2 << 20, workers });
  const { threads } = world;
  const rates: string[] = [];
  // Once from a cold start, once with everything compiled.
  for (const round of [0, 1]) {
    const started = performance.now();
    write(db, LOAD_COUNT, round);
    rates.push(`${Math.round(LOAD_COUNT / (performance.now() - started))} k`);
    checkEntries(db, LOAD_COUNT, round);
  }
  const started = performance.now();
  await db.compact();
  const seconds = (performance.now() - started) / 1000;
  checkEntries(db, LOAD_COUNT, 1);
  const { backgroundError, counters } = db.stats();
  check(backgroundError === undefined, `${backgroundError}`);
  check(counters.flushCount > 5, `${counters.flushCount} flushes`);
  check(threads.runningMax <= workers, `${threads.runningMax} workers at a time`);
  check(workers === 0 || threads.doneCount > 0, 'workers have done jobs');
  check((await db.verify()).uncorrectable.length === 0, 'verify finds nothing');
  check(world.orphans(db) === 0, 'no file is left over');
  await db.close();
  world.close();
  const merge = `compaction ${seconds.toFixed(2)} s`;
  return `${rates.join(', then ')} entries/s, ${merge}, ${threads.waitCount} waits`;
}

/**
 * Web workers at work, in a browser: what browser-program.ts runs. Each check throws if it fails,
 * and may return what it has measured.
 * @module
 */
import { type DbOptions, isVarveError } from '../../src/core.ts';
import { TRAP_CLOSE, TRAP_HANG, TRAP_THROW } from './browser-fs.ts';
import { check, checkEntries, SMALL, until, World, write } from './browser-world.ts';

const LOAD_COUNT = 200_000;
const COUNT = 30_000;

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
    for (const round of [0, 1]) write(db, COUNT, round);
    await db.compact();
    checkEntries(db, COUNT, 1);
    check((await db.verify()).uncorrectable.length === 0, 'verify finds nothing');
    await db.close();
    world.close();
    return undefined;
  },

  async 'reports that are longer than the mailbox arrive, whether the thread blocks or not'() {
    const world = await World.open();
    // A report names the first and last key of each of many tables.
    const manyTables: DbOptions = { ...SMALL, targetTableBytes: 64 * 1024, compression: 'none' };
    const db = await world.openDb({ ...manyTables, workers: 1 });
    const padding = 'k'.repeat(4000);
    for (const round of [0, 1]) {
      for (let n = 0; n < 3000; n++) db.put(`${padding}${(n * 7919) % 3000}`, `${round}`);
    }
    await db.compact();
    check(db.stats().tableCount > 30, `${db.stats().tableCount} tables`);
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
    await db.close();
    world.close();
    return undefined;
  },

  async 'a worker that ends without a word in a loop of writes is replaced at once'() {
    const world = await World.open();
    const db = await world.openDb({ ...SMALL, workers: 2 });
    const start = performance.now();
    write(db, COUNT, 0, (first) => {
      if (first === COUNT / 3) world.setTrap(TRAP_CLOSE);
    });
    write(db, COUNT, 1);
    const milliseconds = performance.now() - start;
    check(world.isTrapSprung(), 'a worker ended');
    check(world.startCount > 2, `${world.startCount} workers were started`);
    // Two minutes are what a silent worker is given.
    check(milliseconds < 120_000, `it took ${milliseconds} ms`);
    await db.flush();
    checkEntries(db, COUNT, 1);
    await db.compact();
    check(world.orphans(db) === 0, 'no file is left over');
    await db.close();
    world.close();
    return undefined;
  },

  async 'a worker that hangs is given up, and replaced, in a loop of writes'() {
    const world = await World.open();
    const db = await world.openDb({ ...SMALL, workers: 1 });
    write(db, COUNT, 0, (first) => {
      if (first !== COUNT / 3) return;
      world.setTrap(TRAP_HANG);
      // The database gives a silent worker two minutes.
      world.hurryMs = 30_000;
    });
    check(world.isTrapSprung(), 'a worker hung');
    check(world.startCount === 2, `${world.startCount} workers were started`);
    await db.compact();
    checkEntries(db, COUNT, 0);
    await db.close();
    world.close();
    return undefined;
  },

  async 'a worker that throws while the thread is idle is replaced, and the cause is told'() {
    const world = await World.open();
    const db = await world.openDb({ ...SMALL, workers: 2 });
    write(db, COUNT, 0);
    await db.flush();
    world.setTrap(TRAP_THROW);
    await db.compact();
    check(world.isTrapSprung(), 'a worker was trapped');
    await until(() => world.deaths.length > 0);
    check(world.deaths.join().includes('it was trapped'), `told: ${world.deaths.join()}`);
    checkEntries(db, COUNT, 0);
    check(world.orphans(db) === 0, 'no file is left over');
    await db.close();
    world.close();
    return undefined;
  },

  async 'close in the middle of a compaction leaves nothing behind'() {
    const world = await World.open();
    const db = await world.openDb({ ...SMALL, workers: 2 });
    write(db, COUNT, 0);
    const compaction = db.compact().catch((error: unknown) => error);
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
    const world = await World.open(1 << 20, 'noSuchExport');
    const db = await world.openDb({ ...SMALL, workers: 1 });
    db.put('a', '1');
    await db.flush();
    check(db.stats().tableCount === 1, 'it is flushed');
    await until(() => db.stats().workers.error !== undefined);
    const { backgroundError, workers } = db.stats();
    check(backgroundError === undefined, `${backgroundError}`);
    check(workers.error!.includes('noSuchExport() of http'), workers.error!);
    await db.close();
    world.close();
    return undefined;
  },
};

/** Loads a database in one synchronous loop, and says how long everything took. */
async function load(workers: number): Promise<string> {
  const world = await World.open(256 << 20);
  const db = await world.openDb({ writeBufferBytes: 2 << 20, targetTableBytes: 2 << 20, workers });
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
  check(world.startCount === workers, `${world.startCount} workers were started`);
  check(workers === 0 || world.waitCount > 0, 'the loop has waited for workers');
  check((await db.verify()).uncorrectable.length === 0, 'verify finds nothing');
  check(world.orphans(db) === 0, 'no file is left over');
  await db.close();
  world.close();
  const merge = `compaction ${seconds.toFixed(2)} s`;
  return `${rates.join(', then ')} entries/s, ${merge}, ${world.waitCount} waits`;
}

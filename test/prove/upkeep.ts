/**
 * The work of keeping a database whole and copying it, on a disk whose power goes: scrubs and
 * heals, checkpoints, backups, restores and repairs, while writes, flushes and compactions go on
 * under a given executor.
 *
 * What is left must open, hold a state that the history allows, and let the same work be done to
 * its end.
 * @module
 */
import assert from 'node:assert/strict';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { scrubDirectory } from '../../src/integrity/scrub-directory.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { backupsIn, portsOf, RESTORED } from '../backup/backup-fixture.ts';
import { testKeys } from '../block/pipelines.ts';
import { contentAfter, contentOf, NumberedWriter } from '../copy/copy-fixture.ts';
import type { Trouble } from '../copy/trouble.ts';
import { removeMatching, repairIn } from '../integrity/repair-fixture.ts';
import { contentOf as bytesOf, fileOf } from './damage.ts';
import { DIRECTORY, processOf } from './environment.ts';

/** Who does background work, by threads: none is the database in its own time. */
export const EXECUTORS: Readonly<Record<string, number>> = {
  'no threads': 0,
  'one thread': 1,
  'three threads': 3,
};

export const COPY = 'copies/one';

/** Every stage, with a code for blocks and one for tables. */
const OPTIONS: DbOptions = {
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  blockSizeBytes: 512,
  l0TriggerCount: 2,
  columnFamilies: ['other'],
  compression: 'lz4',
  encryption: { suite: 'aes-256-gcm', epoch: 1, keys: testKeys(1) },
  ecc: { scheme: 'reed-solomon', data: 4, parity: 2, stripe: { data: 5, parity: 2 } },
};
const { columnFamilies: _, ...REPAIR } = OPTIONS;
/** What was damaged is healed in its place: no compaction writes it anew. */
const UNMERGED: DbOptions = { l0TriggerCount: 64 };
/** Writes of the database as it is found, and more. */
const FIRST = 300;
const SECOND = 20;
const LAST = 10;
const LOST_BYTES = 5000;

/** A database that nobody has open, all of it durable. */
async function closedDisk(): Promise<MemoryFs> {
  const disk = new MemoryFs();
  const db = await openUnder(0, disk, 1);
  const writer = new NumberedWriter(db);
  writer.write(FIRST / 2);
  await db.compact();
  writer.write(FIRST / 4);
  await db.flush();
  writer.write(FIRST / 4);
  await db.close();
  return disk;
}

function openUnder(
  workerCount: number,
  fs: Fs,
  seed: number,
  own: DbOptions & { directory?: string } = {},
): Promise<Db> {
  const { directory = DIRECTORY, ...options } = own;
  const clock = new SimulatedClock(1_700_000_000_000);
  const turn = () => Promise.resolve();
  const process = processOf({ fs, clock, seed, workerCount, turn }, directory);
  return process.open({ ...OPTIONS, ...options });
}

/** Damages every file, each within what it can give back. */
function damageAll(disk: MemoryFs): void {
  for (const name of disk.list(DIRECTORY)) {
    if (/^LOCK|^SCRUB/.test(name)) continue;
    const file = fileOf(disk, name);
    const bytes = bytesOf(file);
    bytes.fill(0xee, 0, 40);
    if (name.endsWith('.sst'))
      bytes.fill(0xee, bytes.length >> 1, (bytes.length >> 1) + LOST_BYTES);
    else for (let at = 70; at < bytes.length; at += 800) bytes[at]! ^= 0x41;
    bytes.fill(0xee, bytes.length - 20);
    file.write(bytes, 0, bytes.length, 0);
  }
}

/** What a process did before its power went. */
class Acts {
  /** Writes that must be there afterwards. */
  durable: number;
  /** Writes that may be. */
  written: number;

  constructor() {
    this.durable = FIRST;
    this.written = FIRST;
  }

  /** Writes more, with a sync, while the work that `begin` begins goes on; then closes. */
  async around(db: Db, begin: () => Promise<unknown>): Promise<void> {
    this.durable = FIRST;
    this.written = FIRST;
    const writer = new NumberedWriter(db, FIRST);
    this.#write(writer, SECOND);
    const work = [begin(), db.flush()];
    // They are awaited below, unless the power goes before.
    for (const promise of work) promise.catch(() => {});
    this.#write(writer, LAST);
    await db.sync();
    this.durable = writer.count;
    await Promise.all(work);
    await db.close();
  }

  #write(writer: NumberedWriter, count: number): void {
    this.written += count;
    writer.write(count);
  }

  /** The database holds a state that this allows. @returns the writes that are in it */
  expectState(db: Db, least = this.durable): number {
    const found = contentOf(db);
    for (let count = this.written; count >= least; count--) {
      if (sameContent(found, contentAfter(count))) return count;
    }
    assert.deepEqual(found, contentAfter(least), `no state of ${least} to ${this.written} writes`);
    return least;
  }
}

function sameContent(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

/** The database is whole, by its own account. */
async function expectWhole(db: Db): Promise<void> {
  const report = await db.verify();
  assert.deepEqual([report.uncorrectable, report.corrected], [[], []]);
}

/** Opens what is left of the source, and expects all that is durable. */
async function expectSource(acts: Acts, executor: number, disk: MemoryFs): Promise<void> {
  const db = await openUnder(executor, disk, 4);
  acts.expectState(db);
  await expectWhole(db);
  await db.close();
}

/** A scrub heals a database that was damaged everywhere, while it is written to. */
export async function scrubTrouble(executor: number): Promise<Trouble> {
  const disk = await closedDisk();
  damageAll(disk);
  const acts = new Acts();
  const work = async (fs: Fs) => {
    const db = await openUnder(executor, fs, 2, UNMERGED);
    let healedCount = 0;
    await acts.around(db, async () => {
      ({ healedCount } = await db.scrub());
    });
    assert.ok(healedCount > 0, 'the scrub has something to heal');
  };
  return { disk, work, check: (left) => expectHealable(acts, executor, left) };
}

/** What is damaged of it can still be healed, and then nothing is wrong. */
async function expectHealable(acts: Acts, executor: number, disk: MemoryFs): Promise<void> {
  const db = await openUnder(executor, disk, 3);
  acts.expectState(db);
  const first = await db.scrub();
  assert.equal(first.lostCount, 0, JSON.stringify(first.findings));
  const second = await db.scrub();
  assert.deepEqual(second.findings, []);
  await expectWhole(db);
  await db.close();
}

/** Reads heal what they meet. */
export async function readHealTrouble(executor: number): Promise<Trouble> {
  const disk = await closedDisk();
  damageAll(disk);
  const acts = new Acts();
  const work = async (fs: Fs) => {
    const db = await openUnder(executor, fs, 2, UNMERGED);
    let [corrections, healCount] = [0, 0];
    await acts.around(db, async () => {
      acts.expectState(db, FIRST);
      await db.flush();
      ({ corrections, healCount } = db.stats().counters);
    });
    assert.ok(corrections > 0 && healCount > 0, `${corrections} corrected, ${healCount} healed`);
  };
  return { disk, work, check: (left) => expectHealable(acts, executor, left) };
}

/** A scrub without the key heals a directory that nobody has open. */
export async function closedScrubTrouble(): Promise<Trouble> {
  const whole = await closedDisk();
  const disk = whole.clone();
  damageAll(disk);
  const work = async (fs: Fs) => {
    const { findings } = await scrubDirectory(fs, DIRECTORY, { heal: true });
    assert.ok(findings.length > 0 && findings.every(({ isHealed }) => isHealed));
  };
  const check = async (left: MemoryFs) => {
    const { findings } = await scrubDirectory(left, DIRECTORY, { heal: true });
    assert.deepEqual(
      findings.filter(({ isHealed }) => !isHealed),
      [],
    );
    for (const name of whole.list(DIRECTORY).filter((file) => !/^LOCK|^SCRUB/.test(file))) {
      assert.deepEqual(bytesOf(fileOf(left, name)), bytesOf(fileOf(whole, name)), name);
    }
  };
  return { disk, work, check };
}

/** A checkpoint while flushes go on: it is whole, or not there, and can be made then. */
export async function checkpointTrouble(executor: number): Promise<Trouble> {
  const disk = await closedDisk();
  const acts = new Acts();
  const work = async (fs: Fs) => {
    const db = await openUnder(executor, fs, 2);
    await acts.around(db, () => db.checkpoint(COPY));
  };
  const check = async (left: MemoryFs, isDone: boolean) => {
    const isThere = await expectCopy(acts, executor, left, COPY, FIRST + SECOND);
    assert.ok(isThere || !isDone, 'a checkpoint that was made is there');
    const db = await openUnder(executor, left, 4);
    const count = acts.expectState(db);
    if (!isThere) {
      await db.checkpoint(COPY);
      await expectCopy(acts, executor, left, COPY, count);
    }
    await expectWhole(db);
    await db.close();
  };
  return { disk, work, check };
}

/** @returns false where there is no database */
async function expectCopy(
  acts: Acts,
  executor: number,
  disk: MemoryFs,
  directory: string,
  least: number,
): Promise<boolean> {
  let copy: Db;
  try {
    copy = await openUnder(executor, disk, 5, { directory, createIfMissing: false });
  } catch (error) {
    if (!isVarveError(error, 'INVALID')) throw error;
    return false;
  }
  acts.expectState(copy, least);
  await expectWhole(copy);
  await copy.close();
  return true;
}

/** A backup of an open database: what is listed is whole, and the next one can be made. */
export async function backupTrouble(executor: number): Promise<Trouble> {
  const disk = await closedDisk();
  await backupsIn(disk, portsOf(1)).createFrom(disk, DIRECTORY);
  const acts = new Acts();
  const work = async (fs: Fs) => {
    const db = await openUnder(executor, fs, 2);
    await acts.around(db, () => backupsIn(fs, portsOf(2)).create(db));
  };
  const check = async (left: MemoryFs, isDone: boolean) => {
    const numbers = await expectBackups(acts, executor, left);
    assert.deepEqual(numbers, isDone || numbers.length > 1 ? [1, 2] : [1]);
    await expectSource(acts, executor, left);
    await backupsIn(left, portsOf(4)).createFrom(left, DIRECTORY);
    const { damage } = await backupsIn(left, portsOf(4)).verify();
    assert.deepEqual(damage, []);
  };
  return { disk, work, check };
}

/** Every backup that is listed can be restored, and is a database. */
async function expectBackups(acts: Acts, executor: number, disk: MemoryFs): Promise<number[]> {
  const backups = backupsIn(disk, portsOf(3));
  const { backups: listed, damaged } = await backups.list();
  assert.deepEqual(damaged, []);
  for (const { id, number } of listed) {
    const directory = `checked/${id}`;
    await backups.restore(disk, directory, { backup: id });
    const least = number === 1 ? FIRST : FIRST + SECOND;
    assert.ok(await expectCopy(acts, executor, disk, directory, least));
  }
  return listed.map(({ number }) => number);
}

/** A restore, and the first life of what was restored. */
export async function restoreTrouble(executor: number): Promise<Trouble> {
  const disk = await closedDisk();
  await backupsIn(disk, portsOf(1)).createFrom(disk, DIRECTORY);
  removeMatching(disk, /./);
  const acts = new Acts();
  const work = async (fs: Fs) => {
    acts.durable = FIRST;
    await backupsIn(fs, portsOf(2)).restore(fs, RESTORED);
    const db = await openUnder(executor, fs, 2, { directory: RESTORED, createIfMissing: false });
    await acts.around(db, () => db.compact());
  };
  const check = async (left: MemoryFs, isDone: boolean) => {
    const isThere = await expectCopy(acts, executor, left, RESTORED, acts.durable);
    assert.ok(isThere || !isDone, 'what was restored is there');
    if (isThere) return;
    await backupsIn(left, portsOf(3)).restore(left, RESTORED);
    assert.ok(await expectCopy(acts, executor, left, RESTORED, FIRST));
  };
  return { disk, work, check };
}

/** A repair of a database without manifest and CURRENT, and its first life afterwards. */
export async function repairTrouble(executor: number): Promise<Trouble> {
  const disk = await closedDisk();
  removeMatching(disk, /^(CURRENT|MANIFEST)/);
  const acts = new Acts();
  const work = async (fs: Fs) => {
    acts.durable = FIRST;
    await repairIn(fs, REPAIR);
    const db = await openUnder(executor, fs, 2, { createIfMissing: false });
    await acts.around(db, () => db.compact());
  };
  const check = async (left: MemoryFs) => {
    const { losses } = await repairIn(left, REPAIR);
    assert.deepEqual(losses, []);
    const again = await repairIn(left, { ...REPAIR, dryRun: true });
    assert.deepEqual(again.problems, []);
    await expectSource(acts, executor, left);
  };
  return { disk, work, check };
}

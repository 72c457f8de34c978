/**
 * Backups, purges and restores while the power goes, or calls of the file system fail: what is
 * listed is whole, what is restored is whole or not there, and all can be done again.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import {
  COMBINATIONS,
  expectState,
  NumberedWriter,
  openCopied,
  SMALL,
  SOURCE,
} from '../copy/copy-fixture.ts';
import { cutEverywhere, failEverywhere, type Trouble } from '../copy/trouble.ts';
import { BACKUPS, backupsIn, portsOf, RESTORED, type TestPorts } from './backup-fixture.ts';

const FIRST = 200;
const SECOND = 320;
const OPTIONS = COMBINATIONS[6]!;
const DAYS = 25 * 3_600_000;

/** A closed database at 320 writes, with a backup of it at 200. */
async function started(options = SMALL): Promise<MemoryFs> {
  const disk = new MemoryFs();
  const db = await openCopied(disk, options);
  const writer = new NumberedWriter(db);
  writer.write(FIRST);
  await db.flush();
  await backupsIn(disk, portsOf(1)).create(db);
  writer.write(SECOND - FIRST);
  await db.close();
  return disk;
}

/** What is listed is sound; with an id, `count` writes are in the newest. */
async function expectSound(disk: Fs, ports: TestPorts, options = SMALL): Promise<number[]> {
  const backups = backupsIn(disk, ports);
  const { backups: listed, damaged } = await backups.list();
  assert.deepEqual(damaged, []);
  const numbers = listed.map(({ number }) => number);
  assert.deepEqual((await backups.verify()).sound, numbers);
  for (const { id, number } of listed) {
    const directory = `checked/${id}`;
    await backups.restore(disk, directory, { backup: id });
    await expectState(disk, directory, options, number === 1 ? FIRST : SECOND);
  }
  return numbers;
}

function backupTrouble(disk: MemoryFs): Trouble {
  const work = async (fs: Fs) => {
    await backupsIn(fs, portsOf(2)).createFrom(fs, SOURCE);
  };
  const check = async (left: MemoryFs, isDone: boolean) => {
    const live = left.clone();
    const ports = portsOf(3);
    const numbers = await expectSound(live, ports, OPTIONS);
    assert.deepEqual(numbers.slice(0, 1), [1]);
    if (isDone) assert.deepEqual(numbers, [1, 2]);
    await backupsIn(live, ports).createFrom(live, SOURCE);
    ports.clock.advance(DAYS);
    const { waitsFor } = await backupsIn(live, ports).purge({ keep: 1 });
    assert.equal(waitsFor, undefined);
    await expectOnlyNeeded(live, ports);
  };
  return { disk, work, check };
}

/** Nothing is left in the target but one backup. */
async function expectOnlyNeeded(fs: MemoryFs, ports: TestPorts): Promise<void> {
  const { backups: listed } = await backupsIn(fs, ports).list();
  assert.equal(listed.length, 1);
  assert.equal(listed[0]!.bytesOwn, listed[0]!.bytesTotal);
  assert.deepEqual((await backupsIn(fs, ports).verify()).damage, []);
  // The first word of a backup that was cut off is left alone.
  const names = fs.list(BACKUPS).filter((name) => !/^(pending|renewed)-.*\.part$/.test(name));
  assert.equal(names.length, listed[0]!.fileCount + 1, names.join());
}

async function purgeTrouble(): Promise<Trouble> {
  const disk = await started();
  await backupsIn(disk, portsOf(2)).createFrom(disk, SOURCE);
  const work = async (fs: Fs) => {
    await backupsIn(fs, portsOf(3)).purge({ keep: 1 });
  };
  const check = async (left: MemoryFs, isDone: boolean) => {
    const live = left.clone();
    const ports = portsOf(4);
    const numbers = await expectSound(live, ports);
    assert.equal(numbers.at(-1), 2);
    if (isDone) assert.deepEqual(numbers, [2]);
    await backupsIn(live, ports).purge({ keep: 1 });
    await expectOnlyNeeded(live, ports);
  };
  return { disk, work, check };
}

function restoreTrouble(disk: MemoryFs): Trouble {
  const work = async (fs: Fs) => {
    await backupsIn(fs, portsOf(2)).restore(fs, RESTORED, { backup: 1 });
  };
  const check = async (left: MemoryFs, isDone: boolean) => {
    const live = left.clone();
    const isThere = await isDatabase(live);
    if (isDone) assert.ok(isThere, 'what was restored is there');
    if (!isThere) await backupsIn(live, portsOf(3)).restore(live, RESTORED, { backup: 1 });
    await expectState(live, RESTORED, OPTIONS, FIRST);
  };
  return { disk, work, check };
}

async function isDatabase(fs: MemoryFs): Promise<boolean> {
  try {
    const options = { ...OPTIONS, createIfMissing: false, readOnly: true };
    const db = await openCopied(fs, options, RESTORED);
    await db.close();
    return true;
  } catch (error) {
    if (!isVarveError(error, 'INVALID')) throw error;
    return false;
  }
}

suite('the power goes at every operation', () => {
  test('of a backup', async (t) => cutEverywhere(t, backupTrouble(await started(OPTIONS)), 2));
  test('of a purge', async (t) => cutEverywhere(t, await purgeTrouble()));
  test('of a restore', async (t) => cutEverywhere(t, restoreTrouble(await started(OPTIONS))));
});

for (const effect of ['IO', 'NOSPACE'] as const) {
  suite(`each call fails once with ${effect}`, () => {
    test('of a backup', async (t) => {
      await failEverywhere(t, backupTrouble(await started(OPTIONS)), effect);
    });
    if (effect === 'IO') {
      test('of a purge', async (t) => failEverywhere(t, await purgeTrouble(), effect));
    }
    test('of a restore', async (t) => {
      await failEverywhere(t, restoreTrouble(await started(OPTIONS)), effect);
    });
  });
}

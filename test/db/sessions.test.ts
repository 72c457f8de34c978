/**
 * Short sessions: what a process that opens a database, does little and closes it writes and syncs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { CURRENT_SLOT_BYTES, decodeSlots } from '../../src/manifest/current.ts';
import { open } from '../../src/node.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import { observed } from '../prove/observed-fs.ts';
import { PATH, tableNames, text } from './helpers.ts';

/** Calls that change a disk or wait for it. */
const CHANGES = ['write', 'truncate', 'remove', 'removeAsync', 'rename', 'link', 'syncDirectory'];
const CALLS = [...CHANGES, 'sync', 'syncAsync', 'createDirectory'];

/** A file system, and what was done to it as `operation file`, names without their numbers. */
function watched(disk: MemoryFs): { fs: MemoryFs; calls: string[] } {
  const calls: string[] = [];
  const fs = observed(disk, {
    before(operation, target, args) {
      const path = 'path' in target ? (target as { path: string }).path : String(args[0]);
      const isCreation = operation === 'open' && args[1] === 'create';
      if (CALLS.includes(operation) || isCreation) {
        const what = isCreation ? 'create' : operation;
        const name = path.slice(path.lastIndexOf('/') + 1);
        if (!name.startsWith('LOCK')) calls.push(`${what} ${name.replaceAll(/\d/g, '')}`);
      }
      return false;
    },
  });
  return { fs, calls };
}

async function session(
  fs: MemoryFs,
  work: (db: Db) => unknown,
  options: DbOptions = {},
): Promise<void> {
  const db = await open(PATH, { fs, ...options });
  await work(db);
  await db.close();
}

/** A database that was closed cleanly, with one write in its log. */
async function newDisk(options: DbOptions = {}): Promise<MemoryFs> {
  const disk = new MemoryFs();
  await session(disk, (db) => db.put('first', '1'), options);
  return disk;
}

function logNames(fs: MemoryFs): string[] {
  return fs.list(PATH).filter((name) => name.endsWith('.wal'));
}

/** Lets the newest slot of CURRENT be as if it had never been written. */
function loseNewestSlot(disk: MemoryFs): void {
  const file = disk.open(`${PATH}/CURRENT`, 'update');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  const slots = decodeSlots(bytes, PATH).map((found) => found!.slot.generation);
  const newest = slots[0]! > slots[1]! ? 0 : 1;
  file.write(
    new Uint8Array(CURRENT_SLOT_BYTES),
    0,
    CURRENT_SLOT_BYTES,
    newest * CURRENT_SLOT_BYTES,
  );
  file.close();
}

test('a session that only reads changes nothing and syncs nothing', async () => {
  const disk = await newDisk();
  const names = disk.list(PATH).sort();
  const { fs, calls } = watched(disk);
  for (let i = 0; i < 20; i++) {
    await session(fs, (db) => assert.equal(text(db.get('first')), '1'));
  }
  await session(fs, (db) => db.sync());
  await session(fs, (db) => db.verify());
  assert.deepEqual(
    calls.filter((call) => !call.startsWith('createDirectory')),
    [],
  );
  assert.deepEqual(disk.list(PATH).sort(), names);
});

test('a session with one write syncs what ARCHITECTURE.md lists, in its order', async () => {
  const disk = await newDisk();
  const { fs, calls } = watched(disk);
  await session(fs, (db) => db.put('second', '2'));
  assert.deepEqual(
    calls.filter((call) => call.startsWith('sync')),
    [
      'sync .wal',
      'sync MANIFEST-',
      `syncDirectory ${PATH}`,
      'sync CURRENT',
      'sync .wal',
      'sync MANIFEST-',
      'sync CURRENT',
    ],
  );
  assert.ok(!calls.some((call) => call.endsWith('.sst')));
});

test('what short sessions leave in logs is in a table after some of them', async () => {
  const disk = await newDisk();
  let logsMax = 0;
  for (let i = 0; i < 30; i++) {
    await session(disk, (db) => {
      for (let j = 0; j < i; j++) assert.equal(text(db.get(`k${j}`)), String(j));
      db.put(`k${i}`, String(i));
    });
    logsMax = Math.max(logsMax, logNames(disk).length);
  }
  assert.ok(logsMax > 4 && logsMax <= 10, `${logsMax} logs`);
  assert.ok(tableNames(disk).length >= 1 && tableNames(disk).length <= 6);
});

test('more than a few blocks do not stay in a log', async () => {
  const disk = new MemoryFs();
  await session(disk, (db) => db.put('large', 'x'.repeat(300_000)));
  await session(disk, () => undefined);
  assert.equal(tableNames(disk).length, 1);
  await session(disk, (db) => assert.equal(db.get('large')!.length, 300_000));
});

test('what a log kept is flushed with the rest, and the log goes', async () => {
  const disk = await newDisk();
  await session(disk, async (db) => {
    await db.flush();
    assert.equal(tableNames(disk).length, 1);
    db.put('second', '2');
    await db.compact();
  });
  assert.equal(logNames(disk).length, 1);
  await session(disk, (db) => {
    assert.equal(text(db.get('first')), '1');
    assert.equal(text(db.get('second')), '2');
    assert.equal(db.stats().walCount, 1);
  });
});

for (const [name, work] of [
  ['a write', (db: Db) => db.put('second', '2')],
  ['a flush', (db: Db) => db.flush()],
  ['a family', (db: Db) => db.createColumnFamily('other')],
] as const) {
  test(`either slot of CURRENT leads to the same database, after ${name}`, async () => {
    const disk = await newDisk();
    const before = await open(PATH, { fs: disk, columnFamilies: ['more'] });
    await before.close();
    const db = await open(PATH, { fs: disk });
    await work(db);
    await db.sync();
    const entries = [...db.entries()].map(([key, value]) => `${text(key)}=${text(value)}`);
    const families = db.listColumnFamilies();
    const running = disk.clone();
    await db.close();
    for (const copy of [running, disk]) {
      loseNewestSlot(copy);
      await session(copy, (again) => {
        const found = [...again.entries()].map(([key, value]) => `${text(key)}=${text(value)}`);
        assert.deepEqual(found, entries);
        assert.deepEqual(again.listColumnFamilies(), families);
      });
    }
  });
}

for (const [name, work] of [
  ['a flush', (db: Db) => db.flush()],
  ['a family', async (db: Db) => void db.createColumnFamily('other')],
] as const) {
  test(`after a power cut either slot leads to what is durable, after ${name}`, async () => {
    const fs = new CrashFs(await newDisk());
    const db = await open(PATH, { fs });
    db.put('second', '2', { sync: true });
    await work(db);
    const families = db.listColumnFamilies();
    const left = fs.crash('dropAll', new SeededRandom(1));
    await db.close();
    loseNewestSlot(left);
    await session(left, (again) => {
      assert.equal(text(again.get('first')), '1');
      assert.equal(text(again.get('second')), '2');
      assert.deepEqual(again.listColumnFamilies(), families);
    });
  });
}

test('a log that lost its end since a clean close is missed, also sessions later', async () => {
  const disk = await newDisk();
  await session(disk, (db) => db.put('second', '2'));
  for (const name of logNames(disk)) {
    const copy = disk.clone();
    const file = copy.open(`${PATH}/${name}`, 'update');
    file.truncate(file.size() - 1);
    file.close();
    await assert.rejects(open(PATH, { fs: copy }), { code: 'CORRUPTION' });
    copy.remove(`${PATH}/${name}`);
    await assert.rejects(open(PATH, { fs: copy }), { code: 'CORRUPTION' });
  }
});

test('the log of a session is missed even if nothing was closed since', async () => {
  const disk = await newDisk();
  await session(disk, (db) => db.flush());
  const db = await open(PATH, { fs: disk });
  db.put('second', '2', { sync: true });
  const died = disk.clone();
  await db.close();
  for (const name of logNames(died)) died.remove(`${PATH}/${name}`);
  await assert.rejects(open(PATH, { fs: died }), { code: 'CORRUPTION' });
});

test('other settings than before write the database anew at once', async () => {
  const keys = testKeys(1);
  const encrypted = { encryption: { suite: 'aes-256-gcm', epoch: 1, keys } } as const;
  const rotated = {
    encryption: { ...encrypted.encryption, epoch: 2, keys: { ...keys, ...testKeys(2) } },
  } as const;
  const disk = await newDisk(encrypted);
  await session(disk, () => undefined, encrypted);
  assert.equal(tableNames(disk).length, 0);
  await session(disk, () => undefined, rotated);
  assert.equal(tableNames(disk).length, 1, 'nothing stays under a key that is retired');

  const logged = await newDisk();
  await session(logged, (db) => assert.equal(text(db.get('first')), '1'), { wal: false });
  assert.equal(tableNames(logged).length, 1);
});

test('a power cut in a session without a log leaves what the log before it held', async () => {
  const disk = await newDisk();
  const work = (db: Db) => db.put('second', '2');
  const whole = new CrashFs(disk.clone());
  const run = async (fs: CrashFs): Promise<void> => {
    const db = await open(PATH, { fs, wal: false });
    work(db);
    await db.close();
  };
  await run(whole);
  for (let cut = 1; cut <= whole.operations; cut++) {
    const fs = new CrashFs(disk.clone());
    fs.cutAfter(cut);
    await run(fs).catch(() => undefined);
    const left = fs.crash('keepAll', new SeededRandom(cut));
    await session(left, (db) => assert.equal(text(db.get('first')), '1', `cut at ${cut}`));
  }
});

test('sessions without a log write nothing before the first flush', async () => {
  const disk = new MemoryFs();
  const options = { wal: false };
  await session(disk, (db) => db.put('first', '1'), options);
  const { fs, calls } = watched(disk);
  await session(fs, (db) => assert.equal(text(db.get('first')), '1'), options);
  const db = await open(PATH, { fs, ...options });
  const { seqno } = db;
  db.put('lost', '1');
  assert.deepEqual(
    calls.filter((call) => !call.startsWith('createDirectory')),
    [],
  );
  await session(disk.clone(), (again) => assert.equal(again.seqno, seqno), options);
  await db.close();
  for (const wal of [true, false, true]) {
    await session(disk, (again) => again.put('next', String(wal)), { wal });
  }
  await session(disk, (again) => {
    assert.equal(text(again.get('lost')), '1');
    assert.equal(text(again.get('next')), 'true');
    assert.equal(again.seqno, seqno + 4);
  });
});

/** So many tiny tables in L0 are to be merged, and no open waits for that. */
const DUE_COUNT = 16;

/** A database whose L0 has as many tables as asked for, each of some bytes. */
async function diskOfTables(count: number, valueBytes: number): Promise<MemoryFs> {
  const disk = new MemoryFs();
  const patient = { l0TriggerCount: 50, l0SlowdownCount: 80, l0StopCount: 90, compression: 'none' };
  await session(
    disk,
    async (db) => {
      for (let i = 0; i < count; i++) {
        db.put('key', String(i).padEnd(valueBytes, '.'));
        db.put(`other-${i}`, '1');
        await db.flush();
      }
    },
    patient as DbOptions,
  );
  return disk;
}

test('short sessions do what little is due of compactions, and then no more', async () => {
  const disk = await diskOfTables(DUE_COUNT, 1000);
  await session(disk, () => assert.equal(tableNames(disk).length, DUE_COUNT));
  assert.equal(tableNames(disk).length, 1);
  // The empty log before its own goes here.
  await session(disk, () => undefined);
  const { fs, calls } = watched(disk);
  await session(fs, (db) => {
    assert.equal(text(db.get('key'))!.slice(0, 3), `${DUE_COUNT - 1}.`);
    assert.equal([...db.keys()].length, DUE_COUNT + 1);
  });
  assert.deepEqual(
    calls.filter((call) => !call.startsWith('createDirectory')),
    [],
  );
});

test('a short session leaves more than a little to others, and is not held up by it', async () => {
  const disk = await diskOfTables(6, 200_000);
  const { fs, calls } = watched(disk);
  await session(fs, (db) => assert.equal(db.get('key')!.length, 200_000));
  assert.deepEqual(
    calls.filter((call) => !call.startsWith('createDirectory')),
    [],
  );
});

test('a process that lasts looks for compactions without a write', async () => {
  const disk = await diskOfTables(6, 200_000);
  let callback: (() => void) | undefined;
  let callsOff = 0;
  const hostLoop = {
    turn: () => Promise.resolve(),
    later: (_: number, then: () => void) => {
      callback = then;
      return () => callsOff++;
    },
  };
  const db = await open(PATH, { fs: disk, hostLoop, scrub: false });
  callback!();
  await db.flush();
  await db.pauseBackgroundWork();
  assert.equal(tableNames(disk).length, 1);
  await db.close();
  assert.equal(callsOff, 1);
});

test('a compaction that fails in a close leaves what was written', async () => {
  const disk = await diskOfTables(DUE_COUNT, 1000);
  let failures = 0;
  const fs = observed(disk, {
    before(operation, _, args) {
      const isTable = operation === 'open' && String(args[0]).endsWith('.sst');
      if (!isTable || args[1] !== 'create') return false;
      failures++;
      throw new VarveError('IO', 'no more tables');
    },
  });
  const db = await open(PATH, { fs });
  db.put('last', '1');
  assert.equal(failures, 0);
  await db.close();
  assert.equal(failures, 1);
  await session(disk, (again) => {
    assert.equal(text(again.get('last')), '1');
    assert.equal([...again.keys()].length, DUE_COUNT + 2);
  });
});

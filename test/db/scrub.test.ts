/**
 * Looking for damage in an open database: in the background, when asked, and after reads. @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { joinPath } from '../../src/fs/port.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { openHeld, turn } from './held-workers.ts';
import { code, fill, keyAt, PATH } from './helpers.ts';
import { DAY, HOUR, MINUTE, openPatrolled, PatrolHost, type Patrolled } from './patrolled.ts';

const ECC = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
const COUNT = 400;

function flip(fs: MemoryFs, name: string, at: number, length = 1): void {
  const file = fs.fileAt(joinPath(PATH, name))!;
  const bytes = new Uint8Array(length);
  file.read(bytes, 0, length, at);
  for (let i = 0; i < length; i++) bytes[i]! ^= 4;
  file.write(bytes, 0, length, at);
}

function bytesOf(fs: MemoryFs, name: string): Uint8Array {
  const file = fs.fileAt(joinPath(PATH, name))!;
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0, bytes.length, 0);
  return bytes;
}

/** What a process that dies now leaves. */
function copyOf(fs: MemoryFs): MemoryFs {
  const copy = new MemoryFs();
  copy.createDirectory(PATH);
  for (const name of fs.list(PATH)) {
    const bytes = bytesOf(fs, name);
    copy.open(joinPath(PATH, name), 'create').write(bytes, 0, bytes.length, 0);
  }
  return copy;
}

function namesOf(fs: MemoryFs, pattern: RegExp): string[] {
  return fs
    .list(PATH)
    .filter((name) => pattern.test(name))
    .sort();
}

/** Tables, a log with writes, a manifest and CURRENT. */
async function openFilled(
  options: DbOptions = {},
  workers = 0,
  lengthBytes = 100,
): Promise<Patrolled & { fs: MemoryFs }> {
  const fs = new MemoryFs();
  const patrolled = await openPatrolled(fs, { ecc: ECC, ...options }, new PatrolHost(), workers);
  const { db } = patrolled;
  db.createColumnFamily('other');
  for (let round = 0; round < 3; round++) {
    fill(db, COUNT, lengthBytes);
    fill(db, COUNT, lengthBytes, 'other');
    await db.flush();
  }
  for (let i = 0; i < 20; i++) db.put(`log ${i}`, new Uint8Array(300));
  await db.sync();
  patrolled.events.length = 0;
  return { ...patrolled, fs };
}

function typesOf(events: readonly DbEvent[]): string {
  const wanted = ['corrected', 'healed', 'file-damaged'];
  return [...new Set(events.map(({ type }) => type))]
    .filter((type) => wanted.includes(type))
    .join();
}

for (const workers of [0, 2]) {
  suite(`a scrub that is asked for, ${workers} workers`, () => {
    test('looks at every byte of a sound database and finds nothing', async () => {
      const { db, fs, events } = await openFilled({}, workers);
      const report = await db.scrub();
      assert.deepEqual(report.findings, []);
      const files = namesOf(fs, /^(CURRENT|MANIFEST-\d+|\d+\.(sst|wal))$/);
      assert.equal(report.fileCount, files.length);
      let bytes = 0;
      for (const name of files) if (!name.endsWith('.wal')) bytes += bytesOf(fs, name).length;
      assert.ok(report.bytesChecked > bytes);
      assert.equal(typesOf(events), '');
      await db.close();
    });

    test('heals damage in every class of file, and finds nothing the second time', async () => {
      const { db, fs, events } = await openFilled({}, workers);
      const names = namesOf(fs, /^(CURRENT|MANIFEST-\d+|\d+\.(sst|wal))$/);
      const before = names.map((name) => bytesOf(fs, name));
      for (const name of names) {
        flip(fs, name, 10);
        flip(fs, name, name === 'CURRENT' ? 1100 : 600);
      }
      const report = await db.scrub();
      assert.equal(report.lostCount, 0, JSON.stringify(report.findings));
      assert.ok(report.correctedCount >= 2 * names.length - 1);
      assert.equal(report.healedCount, report.correctedCount);
      assert.deepEqual(
        names.map((name) => bytesOf(fs, name)),
        before,
      );
      assert.equal(typesOf(events), 'corrected,healed');
      assert.equal(db.stats().counters.healCount, report.healedCount);
      const again = await db.scrub();
      assert.deepEqual(again.findings, []);
      assert.deepEqual(db.stats().scrub?.totals, {
        correctedCount: report.correctedCount,
        healedCount: report.healedCount,
        lostCount: 0,
      });
      await db.close();
    });

    test('tells what parity cannot give back, and heals the rest', async () => {
      const { db, fs, events } = await openFilled({}, workers);
      const [first, second] = namesOf(fs, /sst$/) as [string, string];
      flip(fs, first, 2000, 3000);
      flip(fs, second, 2000);
      const report = await db.scrub();
      assert.equal(report.healedCount, 1);
      assert.equal(report.lostCount, report.findings.length - 1);
      const lost = events.filter((event) => event.type === 'file-damaged');
      assert.equal(lost.length, report.lostCount);
      assert.ok(lost[0]!.file.endsWith(first));
      assert.equal(lost[0]!.fileClass, 'table');
      assert.equal(lost[0]!.columnFamily, 'default');
      const again = await db.scrub({ files: 'damaged' });
      assert.equal(again.fileCount, 1);
      assert.equal(again.lostCount, report.lostCount);
      assert.equal(events.filter((event) => event.type === 'file-damaged').length, lost.length);
      await db.close();
    });

    test('leaves files as they are with heal: false', async () => {
      const { db, fs, events } = await openFilled({}, workers);
      const [name] = namesOf(fs, /sst$/) as [string];
      flip(fs, name, 2000);
      const damaged = bytesOf(fs, name);
      const report = await db.scrub({ heal: false });
      assert.equal(report.correctedCount, 1);
      assert.equal(report.healedCount, 0);
      assert.deepEqual(bytesOf(fs, name), damaged);
      assert.equal(typesOf(events), 'corrected');
      assert.equal((await db.scrub({ files: 'damaged' })).healedCount, 1);
      assert.equal((await db.scrub({ files: 'damaged' })).fileCount, 0);
      await db.close();
    });

    test('looks at one table, or at those of a family', async () => {
      const { db, fs } = await openFilled({}, workers);
      const { columnFamilies } = db.stats();
      const tables = columnFamilies.map(({ levels }) => levels.flatMap((level) => level.tables));
      const [table] = tables[1]!;
      const one = await db.scrub({ table: table!.fileNumber });
      assert.equal(one.fileCount, 1);
      assert.equal(one.bytesChecked, table!.sizeBytes);
      const other = await db.scrub({ columnFamily: 'other' });
      assert.equal(other.fileCount, tables[1]!.length);
      await assert.rejects(db.scrub({ table: 9999 }), code('INVALID'));
      await assert.rejects(db.scrub({ columnFamily: 'none' }), code('INVALID'));
      assert.ok(namesOf(fs, /sst$/).length > 1);
      await db.close();
    });

    test('tells its progress, ends when it is told to, and keeps to a pace', async () => {
      const { db, host } = await openFilled({}, workers);
      let seen = 0;
      const report = await db.scrub({
        bytesPerSecond: 65_536,
        onProgress: ({ bytesChecked, bytesTotal, file }) => {
          assert.ok(bytesChecked >= seen && bytesTotal >= bytesChecked && file.startsWith(PATH));
          seen = bytesChecked;
        },
      });
      assert.equal(seen, report.bytesChecked);
      assert.ok(report.durationMs >= (report.bytesChecked / 65_536) * 1000 * 0.9);
      const controller = new AbortController();
      const failing = db.scrub({
        signal: controller.signal,
        onProgress: () => controller.abort(new Error('enough')),
      });
      await assert.rejects(failing, /enough/);
      await host.settle();
      await db.close();
    });

    test('waits while it is paused, and ends with the database', async () => {
      const { db, host } = await openFilled({}, workers);
      db.pauseScrub();
      let isDone = false;
      const scrub = db.scrub().finally(() => {
        isDone = true;
      });
      await host.settle();
      assert.equal(isDone, false);
      assert.equal(db.stats().scrub?.isPaused, true);
      db.continueScrub();
      await scrub;
      const late = db.scrub();
      late.catch(() => {});
      await db.close();
      await assert.rejects(late, code('CLOSED'));
      await assert.rejects(db.scrub(), code('CLOSED'));
    });
  });
}

const CYCLE = { cycleMs: DAY, bytesPerSecond: 1_048_576 } as const;

for (const workers of [0, 2]) {
  suite(`a scrub in the background, ${workers} workers`, () => {
    test('finds and heals within a cycle what parity allows, and nothing in the next', async () => {
      const { db, fs, host, events } = await openFilled({ scrub: CYCLE }, workers);
      const names = namesOf(fs, /^(CURRENT|MANIFEST-\d+|\d+\.(sst|wal))$/);
      const before = names.map((name) => bytesOf(fs, name));
      for (const name of names) flip(fs, name, 700);
      await host.pass(12 * HOUR);
      const [first] = events.filter((event) => event.type === 'scrub-progress' && event.isDone);
      assert.ok(first !== undefined);
      assert.deepEqual(
        names.map((name) => bytesOf(fs, name)),
        before,
      );
      assert.equal(typesOf(events), 'corrected,healed');
      const healed = events.filter((event) => event.type === 'healed');
      assert.equal(healed.length, names.length);
      assert.equal(db.stats().scrub?.lastCycle?.healedCount, names.length);
      events.length = 0;
      await host.pass(DAY);
      assert.equal(typesOf(events), '');
      const { lastCycle, cycle } = db.stats().scrub!;
      assert.equal(lastCycle?.number, 2);
      assert.equal(lastCycle.correctedCount, 0);
      assert.ok(cycle === undefined || cycle.number === 3);
      for (let i = 0; i < COUNT; i++) assert.equal(db.get(keyAt(i))?.length, 100);
      await db.close();
    });

    test('goes on where it was after a restart, and after a crash', async () => {
      const scrub = { cycleMs: 4 * DAY };
      const { db, fs, host } = await openFilled({ scrub }, workers, 3000);
      await host.pass(2 * MINUTE);
      const { cycle } = db.stats().scrub!;
      assert.ok(cycle !== undefined && cycle.bytesChecked > 0 && cycle.bytesLeft > 0);
      await db.close();
      host.forget();
      const options = { ecc: ECC, scrub };
      const second = await openPatrolled(fs, options, host, workers);
      const after = second.db.stats().scrub!.cycle!;
      assert.equal(after.number, cycle.number);
      assert.equal(after.begunAtMs, cycle.begunAtMs);
      assert.equal(after.bytesChecked, cycle.bytesChecked);
      await host.pass(3 * HOUR);
      const further = second.db.stats().scrub!.cycle!;
      assert.ok(further.bytesChecked > after.bytesChecked);
      // It dies without a close.
      host.forget();
      const third = await openPatrolled(copyOf(fs), options, host, workers);
      const last = third.db.stats().scrub!.cycle!;
      assert.equal(last.number, cycle.number);
      assert.ok(last.bytesChecked > after.bytesChecked);
      await host.pass(5 * DAY);
      assert.equal(third.db.stats().scrub!.lastCycle?.number, cycle.number);
      await third.db.close();
    });

    test('ends beside a writer who is faster', async () => {
      const scrub = { cycleMs: MINUTE, bytesPerSecond: 65_536 };
      const options = { scrub, writeBufferBytes: 65_536, targetTableBytes: 65_536 };
      const { db, host, events } = await openFilled(options, workers);
      const isOver = () => events.some((event) => event.type === 'scrub-progress' && event.isDone);
      let rounds = 0;
      await host.pass(MINUTE);
      for (; !isOver(); rounds++) {
        assert.ok(rounds < 200, 'it does not end');
        for (let i = 0; i < 60; i++) db.put(`new ${rounds}/${i}`, new Uint8Array(1000).fill(i));
        await host.pass(2000);
      }
      assert.ok(rounds > 5);
      await db.close();
    });

    test('rests while work is paused, and looks at no table meanwhile', async () => {
      const { db, host } = await openFilled({ scrub: CYCLE }, workers, 3000);
      await host.pass(5 * MINUTE);
      await db.pauseBackgroundWork();
      const before = db.stats().scrub!.cycle!.bytesChecked;
      await host.pass(2 * HOUR);
      assert.equal(db.stats().scrub!.cycle!.bytesChecked, before);
      db.continueBackgroundWork();
      await host.pass(2 * HOUR);
      assert.notEqual(db.stats().scrub!.cycle?.bytesChecked, before);
      await db.close();
    });

    test('goes faster once it has found damage, and is off when it is told so', async () => {
      const { db, fs, host } = await openFilled({ scrub: { cycleMs: 30 * DAY } }, workers, 3000);
      await host.pass(2 * MINUTE);
      assert.equal(db.stats().scrub!.cycle!.isUrgent, false);
      assert.ok(db.stats().scrub!.cycle!.bytesPerSecond! < 1000);
      for (const name of namesOf(fs, /sst$/)) flip(fs, name, 700);
      await host.pass(2 * HOUR);
      const { lastCycle } = db.stats().scrub!;
      assert.equal(lastCycle?.number, 1);
      assert.equal(lastCycle.healedCount, namesOf(fs, /sst$/).length);
      await db.close();
      const off = await openPatrolled(fs, { ecc: ECC, scrub: false }, new PatrolHost(), workers);
      await off.host.pass(300 * DAY);
      assert.equal(off.db.stats().scrub!.lastCycle?.number, 1);
      assert.equal(off.db.stats().scrub!.isOn, false);
      await off.db.close();
    });

    test('passes over a file that cannot be read, and tells of it once', async () => {
      const inner = await openFilled({ scrub: false }, workers);
      await inner.db.close();
      const [name] = namesOf(inner.fs, /sst$/) as [string];
      const fs = new FaultFs(inner.fs);
      const rule = { operation: 'read', path: (path: string) => path.endsWith(name) } as const;
      const options = { ecc: ECC, scrub: CYCLE, openTablesMax: 16 };
      const { db, host, events } = await openPatrolled(fs, options, new PatrolHost(), workers);
      fs.addRule({ ...rule, times: Number.POSITIVE_INFINITY });
      await host.pass(12 * HOUR);
      assert.equal(db.stats().scrub!.lastCycle?.lostCount, 1);
      await host.pass(DAY);
      const lost = events.filter((event) => event.type === 'file-damaged');
      assert.equal(lost.length, 1);
      assert.ok(lost[0]!.file.endsWith(name));
      assert.equal(db.stats().backgroundError, undefined);
      fs.clearRules();
      await host.pass(DAY);
      assert.equal(db.stats().scrub!.lastCycle?.lostCount, 0);
      await db.close();
    });
  });
}

test('a table that goes while a worker looks at it is no damage', async () => {
  const { db, fs, gate } = await openHeld({ ecc: ECC, workers: 2 }, ['scrub']);
  db.createColumnFamily('other');
  fill(db, COUNT, 100, 'other');
  await db.flush();
  const [name] = namesOf(fs, /sst$/) as [string];
  flip(fs, name, 2000, 3000);
  const pass = db.scrub({ columnFamily: 'other' });
  await turn();
  assert.equal(gate.heldCount, 1);
  db.dropColumnFamily('other');
  gate.open();
  const report = await pass;
  assert.equal(report.lostCount + report.correctedCount, 0);
  await db.close();
});

test("what is no longer part of the database is nobody's damage", async () => {
  const { db, fs, events, host } = await openFilled({ scrub: CYCLE }, 2);
  const pass = db.scrub();
  // Its tables are replaced, and go, while workers look at them.
  const [name] = namesOf(fs, /sst$/) as [string];
  flip(fs, name, 2000, 3000);
  db.dropColumnFamily('other');
  const other = db.scrub({ files: 'damaged' });
  await host.settle();
  await Promise.all([pass, other]);
  for (const event of events)
    assert.ok(event.type !== 'file-damaged' || event.columnFamily === 'default');
  await db.close();
});

test('a database that is open read-only is not scrubbed', async () => {
  const { db, fs } = await openFilled();
  await db.close();
  const { db: reader, host } = await openPatrolled(fs, { readOnly: true });
  assert.equal(reader.stats().scrub, undefined);
  await host.pass(DAY);
  await assert.rejects(reader.scrub(), code('UNSUPPORTED'));
  assert.throws(() => reader.pauseScrub(), code('UNSUPPORTED'));
  reader.continueScrub();
  assert.ok(!fs.exists(joinPath(PATH, 'SCRUB')));
  await reader.close();
});

test('a process of less than a minute leaves no trace', async () => {
  const { db, fs, host } = await openFilled({ scrub: CYCLE });
  await host.pass(MINUTE - 1);
  await db.close();
  await host.pass(DAY);
  assert.ok(!fs.exists(joinPath(PATH, 'SCRUB')));
});

test('settings are checked', async () => {
  const wrong: [unknown, typeof TypeError | typeof RangeError][] = [
    [true, TypeError],
    [{ cycleMs: '1' }, TypeError],
    [{ cycleMs: 10 }, RangeError],
    [{ bytesPerSecond: 1 }, RangeError],
    [{ heal: 1 }, TypeError],
    [{ pace: 1 }, TypeError],
    [{ hours: 3 }, TypeError],
    [{ hours: { from: 1 } }, TypeError],
    [{ hours: { from: 1, to: 25 } }, RangeError],
    [{ hours: { from: 24, to: 3 } }, RangeError],
    [{ hours: { from: 3, to: 3 } }, RangeError],
    [{ hours: { from: 3, to: 4, zone: 'UTC' } }, TypeError],
  ];
  for (const [scrub, kind] of wrong) {
    const options = { scrub } as unknown as DbOptions;
    await assert.rejects(openPatrolled(new MemoryFs(), options), kind, JSON.stringify(scrub));
  }
  const { db } = await openFilled();
  for (const options of [{ files: 'some' }, { signal: 1 }, { table: 'a' }, { unknown: 1 }]) {
    await assert.rejects(db.scrub(options as object), TypeError);
  }
  await assert.rejects(db.scrub({ bytesPerSecond: 5 }), RangeError);
  await db.close();
});

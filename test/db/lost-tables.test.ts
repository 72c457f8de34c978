/**
 * A table that cannot be read stops no write, and nothing but reads of its keys fails: compactions
 * step around it.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compareKeys } from '../../src/bytes/compare.ts';
import type { Db } from '../../src/db/database.ts';
import type { CompactionFailedEvent, DbEvent, LostEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { bytesOf, setBytes } from '../pipeline/world.ts';
import { openHeld } from './held-workers.ts';
import { code, PATH, tableNames, text, texts } from './helpers.ts';

const KEYS = 1500;
const VALUE = 'v'.repeat(100);
const SMALL: DbOptions = {
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  baseLevelBytes: 131_072,
  l0TriggerCount: 4,
  compression: 'none',
};

const HARMS: Record<string, (fs: MemoryFs, table: string) => void> = {
  missing: (fs, table) => fs.remove(`${PATH}/${table}`),
  'cut short': (fs, table) => setBytes(fs, table, bytesOf(fs, table).slice(0, -10)),
  empty: (fs, table) => setBytes(fs, table, new Uint8Array(0)),
  'damaged in its blocks': (fs, table) => {
    const bytes = bytesOf(fs, table);
    for (let at = 500; at < bytes.length - 8000; at += 500) bytes[at]! ^= 1;
    setBytes(fs, table, bytes);
  },
  'another one': (fs, table) => {
    const bytes = bytesOf(fs, table);
    for (const copy of [0, 64]) bytes.copyWithin(copy + 16, copy + 8, copy + 16);
    setBytes(fs, table, bytes);
  },
};

function keyAt(i: number): string {
  return `k${String(i).padStart(6, '0')}`;
}

interface World {
  readonly db: Db;
  readonly fs: MemoryFs;
  readonly clock: { advance(milliseconds: number): void };
  readonly failures: CompactionFailedEvent[];
  readonly losses: LostEvent[];
  /** Name of a table in the midst of a deep level, and a key that it holds. */
  readonly table: string;
  readonly key: string;
}

/** A tree with several tables below L0, one of which the test may harm; nothing of it is open. */
async function makeTree(options: DbOptions): Promise<World> {
  const failures: CompactionFailedEvent[] = [];
  const losses: LostEvent[] = [];
  const onEvent = (event: DbEvent): void => {
    if (event.type === 'compaction-failed') failures.push(event);
    if (event.type === 'lost') losses.push(event);
  };
  const first = await openHeld({ ...SMALL, ...options }, []);
  for (let i = 0; i < KEYS; i++) first.db.put(keyAt(i), VALUE);
  await first.db.compact();
  await first.db.close();
  const { fs } = first;
  const { db, clock } = await openHeld({ ...SMALL, ...options, onEvent }, [], fs);
  const [{ levels }] = db.stats().columnFamilies as [ReturnType<Db['stats']>['columnFamilies'][0]];
  const { tables } = levels.findLast(({ tableCount }) => tableCount > 0)!;
  const at = Math.floor(tables.length / 2);
  const { fileNumber } = tables[at]!;
  const table = `${String(fileNumber).padStart(6, '0')}.sst`;
  const key = keyAt(Math.floor((KEYS * (at + 0.5)) / tables.length));
  return { db, fs, clock, failures, losses, table, key };
}

/** Writes everything anew, twice over, in a random order. */
async function overwrite({ db }: World, rounds = 6): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < KEYS; i++) db.put(keyAt((i * 7919) % KEYS), VALUE);
    await db.flush();
  }
}

async function settle({ db }: World): Promise<void> {
  await db.pauseBackgroundWork();
  db.continueBackgroundWork();
}

for (const workers of [0, 2]) {
  for (const [harm, doHarm] of Object.entries(HARMS)) {
    test(`a table that is ${harm} stops no write, ${workers} workers`, async () => {
      const world = await makeTree({ workers });
      const { db, fs, failures, losses, table, key } = world;
      doHarm(fs, table);
      assert.throws(
        () => db.get(key),
        (error: VarveError) => {
          const { gte, lt } = error.lostKeys!;
          const isWithin = texts([gte]) <= key && key < texts([lt]);
          return code('CORRUPTION')(error) && error.message.includes(table) && isWithin;
        },
      );
      await overwrite(world);
      await settle(world);
      const stats = db.stats();
      assert.equal(stats.backgroundError, undefined);
      assert.ok(losses.length > 0, 'it was told');
      for (const { fileNumber, gte, lt } of losses) {
        assert.equal(fileNumber, Number.parseInt(table, 10));
        assert.ok(compareKeys(gte, lt) < 0);
      }
      assert.equal(failures.length, 0, 'no compaction has to meet what a read has met');
      assert.deepEqual(
        [...new Set(stats.damage.map(({ fileNumber }) => fileNumber))],
        [Number.parseInt(table, 10)],
      );
      const [l0, ...deeper] = stats.columnFamilies[0]!.levels;
      assert.ok(l0!.tableCount <= SMALL.l0TriggerCount!, `${l0!.tableCount} tables in L0`);
      const newest = Math.max(...deeper.flatMap(({ tables }) => tables.map((t) => t.fileNumber)));
      assert.ok(newest > Number.parseInt(table, 10), 'compaction goes on around it');
      for (let i = 0; i < KEYS; i++) assert.equal(text(db.get(keyAt(i))), VALUE);
      await assert.rejects(db.compact(), code('CORRUPTION'));
      db.put('more', 'written');
      await db.flush();
      await db.close();
    });
  }
}

test('a table that the file system cannot read is left alone as well', async () => {
  const memory = new MemoryFs();
  const fs = new FaultFs(memory);
  const db = await open(PATH, { ...SMALL, workers: 0, fs });
  for (let i = 0; i < KEYS; i++) db.put(keyAt(i), VALUE);
  await db.compact();
  const [table] = tableNames(memory);
  const path = (each: string) => each.endsWith(table!);
  fs.addRule({ operation: ['open', 'read'], path, times: Number.POSITIVE_INFINITY });
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < KEYS; i++) db.put(keyAt((i * 7919) % KEYS), VALUE);
    await db.flush();
  }
  await assert.rejects(db.compact(), code('IO'));
  const { backgroundError, damage } = db.stats();
  assert.equal(backgroundError, undefined);
  assert.equal(damage.length, 1);
  fs.clearRules();
  await db.compact();
  assert.ok(!memory.exists(`${PATH}/${table}`));
  await db.close();
});

suite('a table that was missing', () => {
  test('is merged again once it is back and some time has gone by', async () => {
    const world = await makeTree({ workers: 0 });
    const { db, fs, clock, failures, table } = world;
    const bytes = bytesOf(fs, table);
    fs.remove(`${PATH}/${table}`);
    await overwrite(world);
    const before = failures.length;
    assert.equal(before, 1, 'it is left alone after the first failure');
    clock.advance(11_000);
    await overwrite(world, 2);
    assert.equal(db.stats().damage.length, 1, 'it was looked at again after a while');
    setBytes(fs, table, bytes);
    clock.advance(11_000);
    await overwrite(world, 2);
    assert.equal(db.stats().damage.length, 1, 'after a longer one the next time');
    clock.advance(11_000);
    await overwrite(world, 2);
    await settle(world);
    assert.deepEqual(db.stats().damage, []);
    assert.equal(failures.length, 1);
    assert.ok(!fs.exists(`${PATH}/${table}`));
    await db.close();
  });

  test('ends a compaction that was asked for, and may be asked for again', async () => {
    const world = await makeTree({ workers: 0 });
    const { db, fs, table } = world;
    const bytes = bytesOf(fs, table);
    fs.remove(`${PATH}/${table}`);
    db.put(keyAt(0), 'new');
    db.put(keyAt(KEYS - 1), 'new');
    await assert.rejects(db.compact(), code('CORRUPTION'));
    await assert.rejects(db.compact(), code('CORRUPTION'));
    setBytes(fs, table, bytes);
    await db.compact();
    assert.deepEqual(db.stats().damage, []);
    await db.close();
  });

  test('is met while a large compaction is cut into parts', async () => {
    const MIB = 1024 * 1024;
    const options = { ...SMALL, workers: 2, targetTableBytes: MIB, writeBufferBytes: MIB };
    const first = await openHeld(options, []);
    for (let i = 0; i < 1000; i++) first.db.put(keyAt(i), new Uint8Array(12_000));
    await first.db.compact();
    await first.db.close();
    const { fs } = first;
    const { db } = await openHeld(options, [], fs);
    fs.remove(`${PATH}/${tableNames(fs)[3]}`);
    for (const i of [0, 999]) db.put(keyAt(i), 'new');
    await assert.rejects(db.compact(), code('CORRUPTION'));
    assert.equal(db.stats().backgroundError, undefined);
    assert.equal(db.stats().damage.length, 1);
    db.put(keyAt(1), 'new');
    await db.flush();
    await db.close();
  });

  test('is dropped by a FIFO family when its time has come', async () => {
    const compaction = { policy: 'fifo', maxBytes: 1_048_576 } as const;
    const { db, fs } = await openHeld({ ...SMALL, workers: 0, compaction }, []);
    const fill = async () => {
      for (let i = 0; i < KEYS; i++) db.put(keyAt(i), VALUE);
      await db.flush();
    };
    await fill();
    const [oldest] = fs.list(PATH).filter((name) => name.endsWith('.sst'));
    fs.remove(`${PATH}/${oldest}`);
    for (let round = 0; round < 10; round++) await fill();
    const { tables } = db.stats().columnFamilies[0]!.levels[0]!;
    assert.ok(tables.every(({ fileNumber }) => fileNumber !== Number.parseInt(oldest!, 10)));
    assert.equal(db.stats().backgroundError, undefined);
    await db.close();
  });

  test('leaves the other runs of a size-tiered family to be merged', async () => {
    const world = await makeTree({ workers: 0, compaction: 'size-tiered' });
    const { db, fs, failures, table } = world;
    fs.remove(`${PATH}/${table}`);
    await overwrite(world, 12);
    assert.equal(db.stats().backgroundError, undefined);
    for (const { error } of failures) assert.ok(code('CORRUPTION')(error));
    for (let i = 0; i < KEYS; i++) assert.equal(text(db.get(keyAt(i))), VALUE);
    await db.close();
  });
});

/**
 * Logs that are longer than memory: they are read in parts, and tables are made as memory fills.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { observed } from '../prove/observed-fs.ts';
import { code, keyAt, PATH, tableNames } from './helpers.ts';

const MIB = 0x10_0000;
const VALUE_BYTES = 4000;
const KEYS = 900;
const SMALL: DbOptions = {
  memoryBudgetBytes: 2 * MIB,
  writeBufferBytes: MIB / 4,
  l0TriggerCount: 60,
  l0SlowdownCount: 70,
  l0StopCount: 80,
};

/** What a process with much memory leaves in its log when it dies: most keys twice. */
async function diskOfLog(): Promise<MemoryFs> {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs, writeBufferBytes: 16 * MIB, columnFamilies: ['other'] });
  for (let i = 0; i < KEYS * 2; i++) {
    const columnFamily = i % 3 === 0 ? 'other' : 'default';
    db.put(keyAt(i % (KEYS - 100)), new Uint8Array(VALUE_BYTES).fill(i), { columnFamily });
  }
  await db.sync();
  const left = fs.clone();
  await db.close();
  return left;
}

async function contentOf(fs: MemoryFs | CrashFs, options: DbOptions): Promise<string[]> {
  const db = await open(PATH, { fs, ...options });
  const content: string[] = [];
  for (const columnFamily of db.listColumnFamilies()) {
    for (const [key, value] of db.entries({ columnFamily })) {
      content.push(`${columnFamily} ${Buffer.from(key)} ${value[0]} ${value.length}`);
    }
  }
  await db.close();
  return content;
}

test('a log longer than memory is read in parts, and becomes tables on the way', async () => {
  const disk = await diskOfLog();
  const logBytes = disk.fileAt(`${PATH}/${logName(disk)}`)!.size;
  const expected = await contentOf(disk.clone(), {});
  let turns = 0;
  const events: DbEvent[] = [];
  let tablesMax = 0;
  const hostLoop = {
    turn: () => {
      turns++;
      tablesMax = Math.max(tablesMax, tableNames(disk).length);
      return Promise.resolve();
    },
  };
  const onEvent = (event: DbEvent) => events.push(event);
  const db = await open(PATH, { fs: disk, ...SMALL, hostLoop, onEvent });
  assert.ok(turns >= logBytes / MIB, `${turns} turns`);
  const tables = tableNames(disk).length;
  assert.ok(tables >= logBytes / (2 * MIB) && tables === tablesMax, `${tables}, ${tablesMax}`);
  assert.equal(events.filter(({ type }) => type === 'table-created').length, tables);
  assert.ok(db.stats().memory.memtableBytes < MIB / 4);
  assert.equal(db.stats().walCount, 1);
  await db.close();
  assert.deepEqual(await contentOf(disk, SMALL), expected);
});

test('the tables of all families become durable by one sync of the directory', async () => {
  const disk = new MemoryFs();
  const columnFamilies = Array.from({ length: 40 }, (_, i) => `family ${i}`);
  const db = await open(PATH, { fs: disk, columnFamilies });
  for (const columnFamily of columnFamilies) db.put('key', columnFamily, { columnFamily });
  await db.sync();
  const left = disk.clone();
  await db.close();
  let syncs = 0;
  const fs = observed(left, {
    before(operation) {
      if (operation === 'syncDirectory') syncs++;
      return false;
    },
  });
  const again = await open(PATH, { fs });
  assert.equal(tableNames(left).length, columnFamilies.length);
  // Those of the manifest and of the log of this process come first.
  assert.equal(syncs, 3);
  await again.close();
});

test('progress is told while long logs are read', async () => {
  const disk = new MemoryFs();
  const options = { fs: disk, writeBufferBytes: 64 * MIB };
  const writer = await open(PATH, options);
  for (let i = 0; i < 20; i++) writer.put(keyAt(i), new Uint8Array(MIB - 1000));
  const left = disk.clone();
  await writer.close();
  const events: DbEvent[] = [];
  const onEvent = (event: DbEvent) => events.push(event);
  const db = await open(PATH, { ...options, fs: left, onEvent, readOnly: true });
  const told = events.filter((event) => event.type === 'recovery-progress');
  assert.ok(told.length >= 1 && told.length <= 2);
  for (const { bytesRead, bytesTotal } of told) {
    assert.ok(bytesRead >= 8 * MIB && bytesRead < bytesTotal && bytesTotal > 19 * MIB);
  }
  await db.close();
});

test('a power cut while tables are made of a log loses nothing', async () => {
  const disk = await diskOfLog();
  const expected = await contentOf(disk.clone(), {});
  const whole = new CrashFs(disk.clone());
  await contentOf(whole, SMALL);
  const random = new SeededRandom(5);
  for (let cut = 3; cut < whole.operations; cut += 7 + random.below(5)) {
    const fs = new CrashFs(disk.clone());
    fs.cutAfter(cut);
    await contentOf(fs, SMALL).catch(() => undefined);
    const left = fs.crash(cut % 2 === 0 ? 'keepAll' : 'reorder', random);
    assert.deepEqual(await contentOf(left, SMALL), expected, `cut at ${cut}`);
    const db = await open(PATH, { fs: left, ...SMALL });
    assert.equal(tableNames(left).length, db.stats().tableCount, 'an orphan stays');
    assert.deepEqual(db.stats().recovery.keptFiles, []);
    await db.close();
  }
});

test('damage behind what became tables fails the opening and leaves none', async () => {
  const disk = await diskOfLog();
  const file = disk.open(`${PATH}/${logName(disk)}`, 'update');
  file.write(new Uint8Array([1, 2, 3, 4, 5]), 0, 5, file.size() - 10 * VALUE_BYTES);
  file.close();
  const names = disk.list(PATH).filter((name) => !name.startsWith('LOCK'));
  for (const options of [SMALL, {}]) {
    await assert.rejects(open(PATH, { fs: disk, ...options }), code('CORRUPTION'));
    const left = disk.list(PATH).filter((name) => !name.startsWith('LOCK'));
    assert.deepEqual(left.sort(), names.sort());
  }
});

function logName(fs: MemoryFs): string {
  return fs.list(PATH).find((name) => name.endsWith('.wal'))!;
}

/**
 * The independent reader, held against the engine.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Db, type DbOptions, MemoryFs, open } from '../../src/index.ts';
import { projectRoot } from '../project-root.ts';
import { DIRECTORY } from '../prove/environment.ts';
import { compareContent, FAMILIES, filesOf, fill, SMALL } from './format-fixture.ts';
import { readDatabase } from './independent-reader.ts';
import { ascii } from './raw-bytes.ts';
import { RawFile } from './raw-file.ts';
import { firstBatchAt, readRecord } from './raw-wal.ts';

const STEPS = 1500;

test('a reader written after docs/FORMAT.md reads tables and WAL of a live database', async () => {
  const fs = new MemoryFs();
  const db = await openIn(fs, SMALL);
  const snapshots = await fill(db, 1, 2 * STEPS);
  const raw = readDatabase(filesOf(fs));
  assert.equal(raw.wasClosedCleanly, false);
  assert.ok(raw.deepestLevel >= 2, `deepest level ${raw.deepestLevel}`);
  assert.ok(raw.tableCount >= 5, `${raw.tableCount} tables`);
  assert.ok(raw.operationCount > 20, `${raw.operationCount} operations in the WAL`);
  compareContent(raw, db);
  for (const snapshot of snapshots) snapshot.release();
  await db.compact();
  compareContent(readDatabase(filesOf(fs)), db);
  await db.close();
});

for (const [name, options] of Object.entries({
  'one restart point for each entry': { ...SMALL, restartInterval: 1 },
  'wide restart intervals and no filter': { ...SMALL, restartInterval: 64, filterBitsPerKey: 0 },
  'checksums of entries': { ...SMALL, entryChecksums: true },
  'no WAL': { ...SMALL, wal: false },
  'the default options': {},
} satisfies Record<string, DbOptions>)) {
  test(`it reads what a clean close leaves, also after reopening (${name})`, async () => {
    const fs = new MemoryFs();
    for (const seed of [1, 2]) {
      const db = await openIn(fs, options);
      await fill(db, seed, STEPS);
      await db.close();
      const raw = readDatabase(filesOf(fs));
      assert.equal(raw.wasClosedCleanly, true);
      assert.equal(raw.corrected, 0);
      const closed = await openIn(fs, { readOnly: true });
      compareContent(raw, closed);
      await closed.close();
    }
  });
}

test('it reads values of zeros in the WAL', async () => {
  const fs = new MemoryFs();
  const db = await openIn(fs, {});
  for (let length = 0; length < 3000; length += 97) db.put(`${length}`, new Uint8Array(length));
  const raw = readDatabase(filesOf(fs));
  assert.equal(raw.operationCount, 31);
  compareContent(raw, db, 0);
  await db.close();
});

test('it reads what the death of the process leaves, also when that comes twice', async () => {
  let fs = new MemoryFs();
  for (const seed of [1, 2]) {
    const db = await openIn(fs, SMALL);
    await fill(db, seed, STEPS);
    fs = fs.clone();
    const raw = readDatabase(filesOf(fs));
    assert.equal(raw.wasClosedCleanly, false);
    compareContent(raw, db);
    await db.close();
  }
});

test('the examples of docs/FORMAT.md are what the page says', () => {
  const page = readFileSync(join(projectRoot(), 'docs/FORMAT.md'), 'utf8');
  const dumps = [...page.matchAll(/```hex\n([\s\S]*?)```/g)].map(([, dump]) => dump!);
  assert.equal(dumps.length, 2);
  const databaseId = Uint8Array.from({ length: 16 }, (_, i) => 0x10 + i);
  const keys = new Map([[1, Uint8Array.from({ length: 32 }, (_, i) => 0x20 + i)]]);
  for (const [i, dump] of dumps.entries()) {
    const hex = dump.split('\n').map((line) => line.slice(6, 54).replaceAll(' ', ''));
    const file = RawFile.open(Buffer.from(hex.join(''), 'hex'), 'W', 2, { databaseId, keys });
    assert.deepEqual([file?.header.baseSeqno, file?.start], [0, 128]);
    const { suite, code } = file!.header.protection;
    assert.deepEqual(
      [suite, code.scheme],
      [
        [0, 0],
        [1, 2],
      ][i],
    );
    const record = file!.recordAt(firstBatchAt(file!)!, 16);
    assert.equal(record?.end, file!.bytes.length);
    assert.equal(file!.corrected, 0);
    const operations = readRecord(record!.content, 2).map(({ key, value, ...rest }) => {
      return { key: ascii(key), value: ascii(value), ...rest };
    });
    assert.deepEqual(operations, [
      { key: 'apple', value: 'red', seqno: 1, kind: 1, familyId: 0, logNumber: 2 },
      { key: 'pear', value: '', seqno: 2, kind: 0, familyId: 0, logNumber: 2 },
    ]);
  }
});

function openIn(fs: MemoryFs, options: DbOptions): Promise<Db> {
  return open(DIRECTORY, { ...options, columnFamilies: FAMILIES, fs });
}

/** Files that nothing refers to: what goes, what is kept, and when the database is not opened. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { parseFileName } from '../../src/manifest/file-names.ts';
import { openManifestBlocks } from '../../src/manifest/manifest-recovery.ts';
import { open } from '../../src/node.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { PLAIN } from '../manifest/manifest-fixture.ts';
import { bytesOf, encryptionOf, namesIn, setBytes } from '../pipeline/world.ts';
import { code, PATH, text } from './helpers.ts';

const KEYS = 600;
const SMALL: DbOptions = {
  workers: 0,
  writeBufferBytes: 16_384,
  targetTableBytes: 65_536,
  baseLevelBytes: 65_536,
};
const SHARDS: DbOptions['ecc'] = { scheme: 'reed-solomon', data: 4, parity: 2 };

const WAYS: Record<string, DbOptions> = {
  'with a log': {},
  'without a log': { wal: false },
  'with shards': { wal: false, ecc: SHARDS },
  'with encryption': { wal: false, encryption: encryptionOf('aes-256-gcm') },
};

function put(db: Db, from: number, to: number): void {
  for (let i = from; i < to; i++) db.put(`key ${i}`, `${i} `.repeat(20));
}

/** Flushes, a compaction, a last flush, and the death of the process. */
async function fallen(options: DbOptions): Promise<MemoryFs> {
  const fs = new MemoryFs();
  const db = await open(PATH, { ...SMALL, ...options, fs });
  for (let i = 0; i < KEYS; i += 100) {
    put(db, i, i + 100);
    await db.flush();
  }
  await db.compact();
  db.put('last', 'acknowledged');
  await db.flush();
  const dead = fs.clone();
  await db.close();
  return dead;
}

function manifestOf(fs: MemoryFs): string {
  return namesIn(fs).findLast((name) => name.startsWith('MANIFEST-'))!;
}

/** Where the records of the manifest end, in ascending order. */
function endsOf(fs: MemoryFs): number[] {
  const name = manifestOf(fs);
  const { number } = parseFileName(name)!;
  const reader = openManifestBlocks(fs, `${PATH}/${name}`, number, PLAIN(1));
  const ends: number[] = [];
  while (reader.next() === 'record') ends.push(reader.nextPosition);
  reader.close();
  return ends;
}

function contents(fs: MemoryFs): Map<string, Uint8Array> {
  return new Map(
    namesIn(fs)
      .filter((name) => !name.startsWith('LOCK'))
      .map((name) => [name, bytesOf(fs, name)]),
  );
}

/** True if every key is as it was written. */
function isWhole(db: Db): boolean {
  for (let i = 0; i < KEYS; i++) if (text(db.get(`key ${i}`)) !== `${i} `.repeat(20)) return false;
  return text(db.get('last')) === 'acknowledged';
}

suite('a manifest that lost its end', () => {
  for (const [name, options] of Object.entries(WAYS)) {
    test(`takes no data with it: ${name}`, async () => {
      const whole = await fallen(options);
      const manifest = manifestOf(whole);
      const ends = endsOf(whole);
      const counts = { refused: 0, kept: 0, whole: 0 };
      for (const end of ends) {
        const fs = whole.clone();
        setBytes(fs, manifest, bytesOf(whole, manifest).slice(0, end));
        const before = contents(fs);
        const events: DbEvent[] = [];
        const settings = { ...SMALL, ...options, fs };
        let db: Db;
        try {
          db = await open(PATH, { ...settings, onEvent: (event) => events.push(event) });
        } catch (error) {
          assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
          assert.deepEqual(contents(fs), before, 'what is refused is not touched');
          counts.refused++;
          continue;
        }
        const { keptFiles } = db.stats().recovery;
        if (isWhole(db)) {
          counts.whole++;
        } else {
          counts.kept++;
          for (const [file, bytes] of before) {
            if (!file.endsWith('.sst')) continue;
            const now = fs.exists(`${PATH}/${file}`) ? file : `${file}.lost`;
            assert.deepEqual(bytesOf(fs, now), bytes, `${file} is gone after ${end} bytes`);
          }
          assert.ok(keptFiles.length > 0);
        }
        await db.close();
        const told = events.filter(({ type }) => type === 'file-kept');
        assert.deepEqual(
          told.map(({ type, ...kept }) => kept),
          keptFiles,
        );
        const again = await open(PATH, settings);
        assert.deepEqual(again.stats().recovery.keptFiles, [], 'what is kept is told once');
        await again.close();
        for (const { file } of keptFiles) assert.ok(fs.exists(file));
      }
      assert.ok(counts.refused > 0 && counts.whole > 0, JSON.stringify(counts));
      if (options.wal === false) assert.ok(counts.kept > 0, JSON.stringify(counts));
    });
  }

  test('is opened all the same in a mode that passes over damage, and nothing goes', async () => {
    const fs = await fallen({ wal: false });
    const manifest = manifestOf(fs);
    // Without the last flush, and without the compaction before it.
    setBytes(fs, manifest, bytesOf(fs, manifest).slice(0, endsOf(fs).at(-3)));
    const tables = namesIn(fs).filter((name) => name.endsWith('.sst'));
    await assert.rejects(open(PATH, { ...SMALL, fs }), /the manifest has lost its end/);
    const db = await open(PATH, { ...SMALL, fs, walRecovery: 'point-in-time' });
    assert.throws(() => db.get('key 1'), code('CORRUPTION'));
    await db.close();
    for (const name of tables) assert.ok(fs.exists(`${PATH}/${name}.lost`), name);
  });

  test('is not touched by a reader', async () => {
    const fs = await fallen({ wal: false });
    const manifest = manifestOf(fs);
    setBytes(fs, manifest, bytesOf(fs, manifest).slice(0, endsOf(fs).at(-3)));
    const before = contents(fs);
    const db = await open(PATH, { ...SMALL, fs, readOnly: true });
    assert.throws(() => db.get('key 1'), code('CORRUPTION'));
    await db.close();
    assert.deepEqual(contents(fs), before);
  });
});

test('a log that nothing names is kept if it holds records', async () => {
  const whole = new MemoryFs();
  const db = await open(PATH, { ...SMALL, fs: whole });
  for (let i = 0; i < 20; i++) db.put(`key ${i}`, 'never synced');
  const fs = whole.clone();
  await db.close();
  const [log] = namesIn(fs).filter((name) => name.endsWith('.wal'));
  const bytes = bytesOf(fs, log!);
  // The edit that names the log was the last one.
  setBytes(fs, manifestOf(fs), bytesOf(fs, manifestOf(fs)).slice(0, endsOf(fs).at(-2)));
  const again = await open(PATH, { ...SMALL, fs });
  const { keptFiles } = again.stats().recovery;
  await again.close();
  assert.deepEqual(
    keptFiles.map(({ file }) => file),
    [`${PATH}/${log}.lost`],
  );
  assert.deepEqual(bytesOf(fs, `${log}.lost`), bytes);
});

test('CURRENT that names an older manifest than there is is refused', async () => {
  const fs = await fallen({});
  const [current, manifest] = [bytesOf(fs, 'CURRENT'), manifestOf(fs)];
  const old = bytesOf(fs, manifest);
  const db = await open(PATH, { ...SMALL, fs });
  db.put('later', 'written');
  await db.flush();
  await db.close();
  setBytes(fs, 'CURRENT', current);
  setBytes(fs, manifest, old);
  const before = contents(fs);
  await assert.rejects(open(PATH, { ...SMALL, fs }), /CURRENT is older than MANIFEST-/);
  assert.deepEqual(contents(fs), before);
});

test('a process that dies leaves nothing that is kept, whatever it was at', async () => {
  let orphanCount = 0;
  for (let cut = 1; ; cut++) {
    const disk = new CrashFs();
    const db = await open(PATH, { ...SMALL, fs: disk });
    disk.cutAfter(cut);
    try {
      for (let i = 0; i < KEYS; i += 200) {
        const batch = new WriteBatch();
        for (let j = i; j < i + 200; j++) batch.put(`key ${j}`, `${j} `.repeat(20));
        db.write(batch);
        await db.flush();
      }
      await db.compact();
      await db.close();
    } catch (error) {
      const isOff = error instanceof PowerCut || isVarveError(error);
      if (!isOff || !disk.isOff) throw error;
    }
    if (!disk.isOff) break;
    const left = disk.crash('keepAll', new SeededRandom(cut));
    const before = namesIn(left).filter((name) => name.endsWith('.sst')).length;
    const again = await open(PATH, { ...SMALL, fs: left });
    assert.deepEqual(again.stats().recovery.keptFiles, [], `cut at ${cut}`);
    const { tableCount } = again.stats();
    if (before > tableCount) orphanCount++;
    await again.close();
    const after = namesIn(left).filter((name) => name.includes('.sst'));
    assert.equal(after.length, tableCount, 'no orphan is left behind');
  }
  assert.ok(orphanCount > 4, `${orphanCount} deaths left orphans`);
});

suite('a table that the manifest does not name', () => {
  /** A database, and beside it a table of its own that is newer than all it knows. */
  async function withNewerTable(): Promise<MemoryFs> {
    const whole = await fallen({ wal: false });
    const fs = whole.clone();
    setBytes(fs, manifestOf(fs), bytesOf(fs, manifestOf(fs)).slice(0, endsOf(fs).at(-2)));
    return fs;
  }

  test('is kept where there is no rename, and before the next seqno is given out', async () => {
    const memory = await withNewerTable();
    const fs = withoutRename(memory);
    const db = await open(PATH, { ...SMALL, wal: false, fs });
    const [kept, ...others] = db.stats().recovery.keptFiles;
    assert.deepEqual(others, []);
    assert.match(kept!.file, /^db\/\d{6}\.sst\.lost$/);
    assert.match(kept!.reason, /may hold seqno 601, and 600 was recovered/);
    put(db, 0, 10);
    await db.close();
    await (await open(PATH, { ...SMALL, fs })).close();
    assert.ok(memory.exists(kept!.file));
    assert.ok(!memory.exists(kept!.file.replace('.lost', '')));
  });

  test('has its other name durably before the database is used', async () => {
    const fs = new CrashFs(await withNewerTable());
    const db = await open(PATH, { ...SMALL, wal: false, fs });
    const [kept] = db.stats().recovery.keptFiles;
    const left = fs.crash('dropAll', new SeededRandom(1));
    assert.ok(left.exists(kept!.file));
    assert.ok(!left.exists(kept!.file.replace('.lost', '')));
    await db.close();
  });

  test('gives its number to no other', async () => {
    const fs = await withNewerTable();
    await (await open(PATH, { ...SMALL, fs })).close();
    const [lost] = namesIn(fs).filter((name) => name.endsWith('.lost'));
    const renamed = `999999.sst.lost`;
    setBytes(fs, renamed, bytesOf(fs, lost!));
    const db = await open(PATH, { ...SMALL, fs });
    put(db, 0, 10);
    await db.flush();
    await db.close();
    const numbers = namesIn(fs).map((name) => Number(/\d+/.exec(name)?.[0] ?? 0));
    assert.ok(Math.max(...numbers) > 999_999);
  });

  test('is kept if its key is not there', async () => {
    const fs = await fallen({});
    const other = new MemoryFs();
    const sealed = await open(PATH, { fs: other, encryption: encryptionOf('aes-256-gcm') });
    sealed.put('k', 'v');
    await sealed.flush();
    await sealed.close();
    const [table] = namesIn(other).filter((name) => name.endsWith('.sst'));
    assert.equal(table, '000004.sst');
    assert.ok(!fs.exists(`${PATH}/${table}`));
    setBytes(fs, table!, bytesOf(other, table!));
    const db = await open(PATH, { ...SMALL, fs });
    assert.ok(isWhole(db));
    assert.match(db.stats().recovery.keptFiles[0]!.reason, /it cannot be read: .*epoch 1/);
    await db.close();
  });

  test('is kept as long as another table is damaged or missing', async () => {
    const fs = await fallen({});
    const named = namesIn(fs).find((name) => name.endsWith('.sst'))!;
    const junk = '000900.sst';
    for (const [size, expected] of [
      [0, `${junk}.lost`],
      [bytesOf(fs, named).length - 1, `${junk}.lost`],
      [bytesOf(fs, named).length, undefined],
    ] as const) {
      const copy = fs.clone();
      setBytes(copy, named, bytesOf(fs, named).slice(0, size));
      setBytes(copy, junk, new Uint8Array(100));
      const db = await open(PATH, { ...SMALL, fs: copy });
      await db.close();
      const left = namesIn(copy).filter((name) => name.startsWith('000900'));
      assert.deepEqual(left, expected === undefined ? [] : [expected]);
    }
  });
});

/** A file system that can do no more than OPFS, over another one. */
function withoutRename(memory: MemoryFs): Fs {
  const capabilities = { ...memory.capabilities, atomicRename: false, hardLinks: false };
  const refuse = () => assert.fail('there is no such call');
  return Object.create(memory, {
    capabilities: { value: capabilities },
    rename: { value: refuse },
    link: { value: refuse },
  });
}

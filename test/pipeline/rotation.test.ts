import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type LeveledOptions,
  pickManualRewrite,
  pickManualStep,
} from '../../src/compaction/pick.ts';
import type { EncryptionOptions } from '../../src/crypto/key-options.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { PLAIN_META } from '../block/pipelines.ts';
import { filesOf, judge, makeSample } from './sample.ts';
import {
  directoryOf,
  encryptionOf,
  headerOf,
  keyOf,
  namesIn,
  openIn,
  withEncryption,
} from './world.ts';

/** Suite and epoch of every file but CURRENT, each once. */
function sealsOf(fs: MemoryFs, names = namesIn(fs)): string[] {
  const seals = names
    .filter((name) => name !== 'CURRENT')
    .map((name) => headerOf(fs, name).protection)
    .map(({ suiteId, epoch }) => `${suiteId}/${epoch}`);
  return [...new Set(seals)].sort();
}

/** Tables by suite and epoch, as `stats` tells. */
function tablesOf(db: Db): string {
  const { tables } = db.stats().encryption!;
  return tables.map((one) => `${one.suiteId}/${one.epoch}: ${one.tableCount}`).join(', ');
}

function bytesOfEpoch(db: Db, epoch: number): number {
  const { tables } = db.stats().encryption!;
  return tables.find((one) => one.epoch === epoch)?.sizeBytes ?? 0;
}

suite('a change of key', () => {
  test('applies to new files at once, and leaves the tables that are there', async () => {
    const { fs, options } = await makeSample({ encryption: encryptionOf('aes-256-gcm', 1) }, true);
    const before = new Set(namesIn(fs));
    const second = withEncryption(options, encryptionOf('chacha20-poly1305', 2));
    const db = await openIn(fs, second, { seed: 2 });
    assert.equal(tablesOf(db), '1/1: 3, 2/2: 2', 'what the log held is under the new key');
    assert.equal(db.stats().encryption!.epoch, 2);
    assert.equal(db.stats().encryption!.suiteId, 2);
    db.put('more', 'data');
    await db.flush();
    const added = namesIn(fs).filter((name) => !before.has(name));
    assert.deepEqual(sealsOf(fs, added), ['2/2']);
    const old = namesIn(fs).filter((name) => before.has(name) && name !== 'CURRENT');
    assert.ok(old.length === 3 && old.every((name) => name.endsWith('.sst')));
    assert.deepEqual(sealsOf(fs, old), ['1/1']);
    assert.ok(bytesOfEpoch(db, 1) > 0);
    await db.close();
  });

  test('is complete when everything is compacted: the old key may go', async () => {
    const { fs, options, contents } = await makeSample(
      { encryption: encryptionOf('aes-256-gcm', 1) },
      true,
    );
    const second = encryptionOf('aes-256-gcm', 2);
    const db = await openIn(fs, withEncryption(options, second), { seed: 2 });
    await db.compact();
    assert.deepEqual(
      db.stats().encryption!.tables.map(({ epoch }) => epoch),
      [2],
    );
    await db.close();
    assert.deepEqual(sealsOf(fs), ['1/2']);
    const alone: EncryptionOptions = { suite: 'aes-256-gcm', epoch: 2, keys: { 2: keyOf(2) } };
    const outcome = await judge(fs, withEncryption(options, alone), contents);
    assert.deepEqual(outcome, { kind: 'unnoticed', errors: [] });
  });

  test('reaches the deepest level, also where there is nothing else to merge', async () => {
    const fs = new MemoryFs();
    const base: DbOptions = { blockSizeBytes: 512, targetTableBytes: 65_536, compression: 'none' };
    const first = await openIn(fs, { ...base, encryption: encryptionOf('aes-256-gcm', 1) });
    const value = new Uint8Array(1000);
    for (let i = 0; i < 300; i++) first.put(`k${String(i).padStart(4, '0')}`, value);
    await first.compact();
    await first.compact();
    const count = first.stats().tableCount;
    assert.ok(count >= 4, `${count} tables`);
    await first.close();

    const options = { ...base, encryption: encryptionOf('aes-256-gcm', 2) };
    const db = await openIn(fs, options, { seed: 2 });
    await db.compact({ from: 'k0000', to: 'k0001' });
    assert.match(tablesOf(db), /^1\/1: \d+, 1\/2: \d+$/, 'a range re-encrypts what it meets');
    await db.compact();
    assert.match(tablesOf(db), /^1\/2: \d+$/);
    assert.equal(db.stats().columnFamilies[0]!.levels.filter((l) => l.tableCount > 0).length, 1);
    const before = directoryOf(fs);
    await db.compact();
    assert.deepEqual(directoryOf(fs), before, 'and nothing is rewritten twice');
    assert.equal([...db.keys()].length, 300);
    assert.deepEqual((await db.verify()).uncorrectable, []);
    await db.close();
  });

  test('holds for suite, code and encryption of a family as well', async () => {
    const fs = new MemoryFs();
    const ecc: EccOptions = { scheme: 'xor', data: 4 };
    const ways: DbOptions[] = [
      {},
      { encryption: encryptionOf('aes-256-gcm', 1, { encryptExisting: true }) },
      { encryption: encryptionOf('chacha20-poly1305', 1) },
      { encryption: encryptionOf('chacha20-poly1305', 1), ecc },
      {
        encryption: encryptionOf('chacha20-poly1305', 1),
        columnFamilies: { default: { encryption: false } },
      },
    ];
    const wanted = ['0/0/', '1/1/', '2/1/', '2/1/xor', '0/0/'];
    for (const [i, options] of ways.entries()) {
      const db = await openIn(fs, options, { seed: i + 1 });
      if (i === 0) for (let k = 0; k < 50; k++) db.put(`k${k}`, 'v');
      await db.compact();
      await db.close();
      const tables = filesOf(fs, 'sst');
      const { suiteId, epoch, ecc: code } = headerOf(fs, tables[0]!).protection;
      assert.equal(tables.length, 1);
      assert.equal(`${suiteId}/${epoch}/${code?.scheme ?? ''}`, wanted[i]);
    }
  });

  test('back to an earlier epoch works the same way', async () => {
    const { fs, options, contents } = await makeSample(
      { encryption: encryptionOf('aes-256-gcm', 2) },
      true,
    );
    const back = { ...encryptionOf('aes-256-gcm', 2), epoch: 1 };
    const db = await openIn(fs, withEncryption(options, back), { seed: 2 });
    await db.compact();
    await db.close();
    assert.deepEqual(sealsOf(fs), ['1/1']);
    const alone = withEncryption(options, encryptionOf('aes-256-gcm', 1));
    assert.equal((await judge(fs, alone, contents)).kind, 'unnoticed');
  });
});

suite('an old key', () => {
  test('is needed as long as a table is under it: KEY, and nothing is touched', async () => {
    const { fs, options } = await makeSample({ encryption: encryptionOf('aes-256-gcm', 1) }, true);
    const db = await openIn(fs, withEncryption(options, encryptionOf('aes-256-gcm', 2)));
    await db.compact({ columnFamily: 'orders' });
    assert.ok(bytesOfEpoch(db, 1) > 0);
    // A close may rewrite small tables, a death does not.
    const dead = fs.clone();
    await db.close();
    const before = directoryOf(dead);
    const alone: EncryptionOptions = { suite: 'aes-256-gcm', epoch: 2, keys: { 2: keyOf(2) } };
    const attempt = openIn(dead, withEncryption(options, alone));
    await assert.rejects(
      attempt,
      (error) => isVarveError(error, 'KEY') && /epoch 1/.test(`${error}`),
    );
    assert.deepEqual(directoryOf(dead), before);
  });

  test('is needed for the log of a process that died, and not after the next opening', async () => {
    const { fs, options, contents } = await makeSample(
      { encryption: encryptionOf('aes-256-gcm', 1) },
      false,
    );
    const alone: EncryptionOptions = { suite: 'aes-256-gcm', epoch: 2, keys: { 2: keyOf(2) } };
    const before = directoryOf(fs);
    const attempt = openIn(fs, withEncryption(options, alone));
    await assert.rejects(attempt, (error) => isVarveError(error, 'KEY'));
    assert.deepEqual(directoryOf(fs), before);
    const db = await openIn(fs, withEncryption(options, encryptionOf('aes-256-gcm', 2)));
    await db.compact();
    const dead = fs.clone();
    await db.close();
    const outcome = await judge(dead, withEncryption(options, alone), contents);
    assert.equal(outcome.kind, 'unnoticed', outcome.errors[0]?.message);
  });
});

suite('the plan of a manual compaction of one sorted run', () => {
  const OPTIONS: LeveledOptions = {
    l0TriggerCount: 4,
    baseLevelBytes: 1 << 20,
    levelRatio: 10,
    targetTableBytes: 1 << 20,
  };
  const run = [1, 2, 3, 4, 5].map(tableOf);
  const levels = [[], [], run, [], [], [], []];
  const among = (...numbers: number[]) => {
    return (table: TableMeta) => numbers.includes(table.fileNumber);
  };
  const chosen = (isOutdated: (table: TableMeta) => boolean, from?: number, to?: number) => {
    const key = (n: number | undefined) => (n === undefined ? undefined : Uint8Array.of(n * 10));
    const scope = { from: key(from), to: key(to), seqno: 0 };
    const plan = pickManualRewrite(levels, scope, isOutdated);
    assert.equal(plan?.outputLevel, plan && 2);
    return plan?.inputs.flatMap(({ tables }) => tables.map((table) => table.fileNumber));
  };

  test('takes outdated tables, and those between them', () => {
    assert.deepEqual(chosen(among(2)), [2]);
    assert.deepEqual(chosen(among(2, 4)), [2, 3, 4]);
    assert.deepEqual(chosen(among(1, 2, 3, 4, 5)), [1, 2, 3, 4, 5]);
    assert.equal(chosen(among()), undefined);
  });

  test('takes them within the range alone', () => {
    assert.deepEqual(chosen(among(1, 3, 5), 2, 4), [3]);
    assert.equal(chosen(among(1, 5), 2, 4), undefined);
    const scope = { from: undefined, to: undefined, seqno: 0 };
    assert.equal(pickManualStep(levels, 0, scope, OPTIONS), undefined);
  });
});

/** A table of one key, merged down. */
function tableOf(fileNumber: number): TableMeta {
  const key = Uint8Array.of(fileNumber * 10);
  return {
    fileNumber,
    sizeBytes: 1000,
    smallestKey: key,
    largestKey: key,
    smallestSeqno: 0,
    largestSeqno: 0,
    entryCount: 1,
    tombstoneCount: 0,
    rawBytes: 10,
    checksumLow: 0,
    checksumHigh: 0,
    createdAtMs: 0,
    ...PLAIN_META,
  };
}

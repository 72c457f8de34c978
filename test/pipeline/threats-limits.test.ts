/**
 * What encryption without knowledge from outside the directory cannot tell, and where exactly that
 * ends. Whoever needs more keeps a seqno elsewhere and compares.
 */
import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { putTogether, takeApart, withBlocks, withHeader } from './attacker.ts';
import { filesOf, judge, makeSample, type Sample } from './sample.ts';
import { replaceAll, WAYS } from './threats.ts';
import { bytesOf, encryptionOf, headerOf, openIn, setBytes } from './world.ts';

const OPTIONS: DbOptions = {
  encryption: encryptionOf('aes-256-gcm'),
  columnFamilies: ['orders'],
};

const RECORDS = 8;

/** A database that died with a log of puts `k0`, `k1`, ... of the default family. */
async function makeLogged(options: DbOptions): Promise<MemoryFs> {
  const fs = new MemoryFs();
  const db = await openIn(fs, options);
  for (let i = 0; i < RECORDS; i++) db.put(`k${i}`, `v${i}`);
  const dead = fs.clone();
  await db.close();
  return dead;
}

function keysOf(db: Db, columnFamily = 'default'): string {
  return [...db.keys({ columnFamily })].map((key) => Buffer.from(key).toString()).join(' ');
}

function firstKeys(count: number): string {
  return Array.from({ length: count }, (_, i) => `k${i}`).join(' ');
}

suite('it cannot be told', () => {
  let sample: Sample;
  before(async () => {
    sample = await makeSample(OPTIONS, true);
  });

  test('that a whole directory was put back to an earlier state', async () => {
    const fs = sample.fs.clone();
    const db = await openIn(fs, sample.options, { seed: 4 });
    db.put('key-0000', 'newer');
    await db.close();
    replaceAll(fs, sample.fs);
    const { kind } = await judge(fs, sample.options, sample.contents);
    assert.equal(kind, 'unnoticed');
  });

  test('that a log of a process that died was cut between two records: it ends there', async () => {
    for (const { options } of WAYS) {
      const fs = await makeLogged(options);
      const [name] = filesOf(fs, 'wal');
      for (let count = 0; count <= RECORDS; count++) {
        const cut = fs.clone();
        const less = withBlocks(bytesOf(fs, name!), (all) => all.slice(0, all.length - count));
        setBytes(cut, name!, less);
        const db = await openIn(cut, options, { seed: 2 });
        assert.equal(keysOf(db), firstKeys(RECORDS - count));
        await db.close();
      }
    }
  });

  test('that it was cut within a record either: that is a torn one', async () => {
    const fs = await makeLogged(OPTIONS);
    const [name] = filesOf(fs, 'wal');
    const bytes = bytesOf(fs, name!);
    setBytes(fs, name!, bytes.slice(0, bytes.length - 3));
    const db = await openIn(fs, OPTIONS, { seed: 2 });
    assert.equal(keysOf(db), firstKeys(RECORDS - 1));
    await db.close();
  });
});

suite('it is not even looked for', () => {
  test('whether tables of a family that is left in the clear were changed', async () => {
    const fs = new MemoryFs();
    const options: DbOptions = {
      encryption: encryptionOf('aes-256-gcm'),
      compression: 'none',
      columnFamilies: { open: { encryption: false } },
    };
    const db = await openIn(fs, options);
    db.put('k', 'right', { columnFamily: 'open' });
    await db.flush();
    await db.close();
    const [name] = filesOf(fs, 'sst');
    const forged = withBlocks(bytesOf(fs, name!), ([first, ...rest]) => [
      Uint8Array.from(
        Buffer.from(Buffer.from(first!).toString('latin1').replace('right', 'wrong'), 'latin1'),
      ),
      ...rest,
    ]);
    setBytes(fs, name!, forged);
    const again = await openIn(fs, options, { seed: 2 });
    assert.equal(Buffer.from(again.get('k', { columnFamily: 'open' })!).toString(), 'wrong');
    assert.equal((await again.verify()).uncorrectable.length, 1, 'the manifest knows its checksum');
    await again.close();
  });
});

suite('but it is told', () => {
  test('that a record was on stable storage, by those that follow', async () => {
    const fs = new MemoryFs();
    const live = await openIn(fs, OPTIONS);
    for (let i = 0; i < RECORDS; i++) {
      live.put(`k${i}`, `v${i}`);
      await live.sync();
    }
    const dead = fs.clone();
    await live.close();
    const [name] = filesOf(dead, 'wal');
    const bytes = bytesOf(dead, name!);
    const { length } = withBlocks(bytes, (all) => all.slice(0, 3));
    const next = withBlocks(bytes, (all) => all.slice(0, 4)).length;
    setBytes(dead, name!, bytes.slice().fill(0, length, next));
    await assert.rejects(openIn(dead, OPTIONS), (error) => isVarveError(error, 'CORRUPTION'));
  });

  test('that the first log of a process that died was emptied, header and all', async () => {
    for (const options of [OPTIONS, { columnFamilies: ['orders'] }]) {
      const fs = await makeChain(options);
      setBytes(fs, filesOf(fs, 'wal')[0]!, new Uint8Array(0));
      await assert.rejects(openIn(fs, options), (error) => isVarveError(error, 'CORRUPTION'));
    }
  });

  test('that a log was cut below what the manifest knows to be in it', async () => {
    for (const options of [OPTIONS, { columnFamilies: ['orders'] }]) {
      const fs = await makeChain(options);
      const [first, second] = filesOf(fs, 'wal');
      for (const left of [2, 3, 5]) {
        const cut = fs.clone();
        setBytes(
          cut,
          first!,
          withBlocks(bytesOf(fs, first!), (all) => all.slice(0, left)),
        );
        cut.remove(`db/${second}`);
        await assert.rejects(openIn(cut, options), (error) => isVarveError(error, 'CORRUPTION'));
      }
    }
  });

  test('that a log of a closed database was emptied, whatever its header says', async () => {
    const fs = await makeChain(OPTIONS, true);
    for (const name of filesOf(fs, 'wal')) {
      for (const baseSeqno of [0, 3, 5, 6, 7, 1000]) {
        const { header } = takeApart(bytesOf(fs, name));
        const forged = fs.clone();
        setBytes(forged, name, putTogether({ header: { ...header, baseSeqno }, blocks: [] }));
        const isTold = (error: unknown) => isVarveError(error, 'CORRUPTION');
        await assert.rejects(openIn(forged, OPTIONS), isTold, `${name} from ${baseSeqno} on`);
      }
    }
  });

  test('that a log with records got another base', async () => {
    const fs = await makeChain(OPTIONS);
    const [first, second] = filesOf(fs, 'wal');
    const { baseSeqno } = headerOf(fs, second!);
    for (const name of [first!, second!]) {
      for (const base of [0, baseSeqno - 1, baseSeqno, baseSeqno + 1, 1000]) {
        const changed = withHeader(bytesOf(fs, name), (header) => ({ ...header, baseSeqno: base }));
        if (headerOf(fs, name).baseSeqno === base) continue;
        const forged = fs.clone();
        setBytes(forged, name, changed);
        const isTold = (error: unknown) => isVarveError(error, 'CORRUPTION');
        await assert.rejects(openIn(forged, OPTIONS), isTold, `${name} from ${base} on`);
      }
    }
  });

  test('that the newest log of a dead database was made up: it voids no record', async () => {
    for (const { options } of WAYS) {
      const whole = await makeLogged(options);
      const [name] = filesOf(whole, 'wal');
      const { header, blocks } = takeApart(bytesOf(whole, name!));
      const fileNumber = header.fileNumber + 1;
      const path = name!.replace(String(header.fileNumber), String(fileNumber));
      for (const baseSeqno of [0, header.baseSeqno + 3, header.baseSeqno + RECORDS, 1000]) {
        const made = { ...header, fileNumber, baseSeqno };
        const empty = whole.clone();
        setBytes(empty, path, putTogether({ header: made, blocks: [] }));
        const db = await openIn(empty, options, { seed: 2 });
        assert.equal(keysOf(db), firstKeys(RECORDS));
        await db.close();
        const filled = whole.clone();
        setBytes(filled, path, putTogether({ header: made, blocks: blocks.slice(0, 1) }));
        const isTold = (error: unknown) => isVarveError(error, 'CORRUPTION');
        await assert.rejects(openIn(filled, options, { seed: 2 }), isTold);
      }
    }
  });

  test('that the first log of a dead database was emptied and its header made to fit', async () => {
    for (const options of [OPTIONS, { ...WAYS[1]!.options, columnFamilies: ['orders'] }]) {
      const fs = await makeChain(options);
      const [first, second] = filesOf(fs, 'wal');
      const bases = [headerOf(fs, first!).baseSeqno, headerOf(fs, second!).baseSeqno];
      const { header } = takeApart(bytesOf(fs, first!));
      for (const baseSeqno of [...bases, 0, 1000]) {
        const forged = fs.clone();
        setBytes(forged, first!, putTogether({ header: { ...header, baseSeqno }, blocks: [] }));
        const isTold = (error: unknown) => isVarveError(error, 'CORRUPTION');
        await assert.rejects(openIn(forged, options, { seed: 2 }), isTold, `from ${baseSeqno} on`);
      }
    }
  });

  test('when it is read that a table is that of a copy, with the same number', async () => {
    const db = await openWithTableOfCopy();
    assert.throws(
      () => db.get('fate'),
      (error) => {
        assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
        assert.match(error.message, /table is another one than the manifest says/);
        return true;
      },
    );
    assert.equal((await db.verify()).uncorrectable.length, 1);
    await db.close();
  });
});

/** Two copies of a database went on, one of which now has the newest table of the other. */
async function openWithTableOfCopy(): Promise<Db> {
  const { fs } = await makeSample(OPTIONS, true);
  const other = fs.clone();
  const tables: string[] = [];
  for (const [copy, seed] of [
    [fs, 11],
    [other, 12],
  ] as const) {
    const db = await openIn(copy, OPTIONS, { seed });
    db.put('fate', `${seed}`);
    await db.flush({ columnFamily: 'default' });
    await db.close();
    tables.push(filesOf(copy, 'sst').at(-1)!);
  }
  assert.equal(tables[0], tables[1]);
  setBytes(fs, tables[0]!, bytesOf(other, tables[0]!));
  return openIn(fs, OPTIONS, { seed: 30 });
}

/**
 * A database with two logs, both of which the family `orders` needs: the table of the default
 * family holds a later write than all of the first log.
 * @param isClean closed; otherwise as after the death of the process
 */
async function makeChain(options: DbOptions, isClean = false): Promise<MemoryFs> {
  const fs = new MemoryFs();
  const db = await openIn(fs, options);
  const put = (i: number) => db.put(`k${i}`, `v${i}`, { columnFamily: 'orders' });
  for (let i = 0; i < 5; i++) put(i);
  db.put('k', 'v');
  await db.flush({ columnFamily: 'default' });
  for (let i = 5; i < RECORDS; i++) put(i);
  const dead = fs.clone();
  await db.close();
  const left = isClean ? fs : dead;
  assert.equal(filesOf(left, 'wal').length, 2);
  return left;
}

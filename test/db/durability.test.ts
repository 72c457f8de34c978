import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, OpenMode } from '../../src/fs/port.ts';
import { open } from '../../src/node.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { openHeld } from './held-workers.ts';
import { code, fill, keyAt, openMemory, PATH, text } from './helpers.ts';

/** Counts how logs are synced, and lets an asynchronous sync end only when a test says so. */
class CountingFs extends MemoryFs {
  syncs = 0;
  asyncSyncs = 0;
  private waiting: (() => void)[] = [];

  override open(path: string, mode: OpenMode): FileHandle {
    const handle = super.open(path, mode);
    if (!path.endsWith('.wal')) return handle;
    const { sync } = handle;
    handle.sync = () => {
      this.syncs++;
      sync.call(handle);
    };
    handle.syncAsync = () => {
      this.asyncSyncs++;
      return new Promise((resolve) => this.waiting.push(resolve));
    };
    return handle;
  }

  endSyncs(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

test('all who wait for stable storage at once share one fdatasync', async () => {
  const fs = new CountingFs();
  const db = await open(PATH, { fs });
  const waiters: Promise<void>[] = [];
  for (let i = 0; i < 100; i++) {
    db.put(keyAt(i), 'v');
    waiters.push(db.sync());
  }
  let ended = 0;
  for (const waiter of waiters) waiter.then(() => ended++);
  await turn();
  assert.equal(ended, 0);
  assert.equal(fs.asyncSyncs, 1);
  fs.endSyncs();
  await turn();
  // The first one covered the first write only; one more covers all that came meanwhile.
  assert.equal(fs.asyncSyncs, 2);
  assert.equal(ended, 1);
  fs.endSyncs();
  await Promise.all(waiters);
  assert.equal(fs.asyncSyncs, 2);
  await db.sync();
  assert.equal(fs.asyncSyncs, 2, 'there was nothing more to sync');
  await db.close();
});

test('a synchronous write syncs before it returns, and another one does not sync', async () => {
  const fs = new CountingFs();
  const db = await open(PATH, { fs });
  db.put('first', '0');
  const before = fs.syncs;
  db.put('a', '1');
  db.delete('a');
  assert.equal(fs.syncs, before);
  db.put('b', '2', { sync: true });
  assert.equal(fs.syncs, before + 1);
  db.delete('b', { sync: true });
  assert.equal(fs.syncs, before + 2);
  await db.sync();
  assert.equal(fs.asyncSyncs, 0, 'everything is on stable storage already');
  await db.close();
});

test('without a log only flushed writes last, and persistedSeqno tells how far', async () => {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs, wal: false, columnFamilies: ['a'] });
  const persisted = db.persistedSeqno;
  fill(db, 10);
  db.put('k', 'v', { columnFamily: 'a' });
  assert.equal(db.persistedSeqno, persisted);
  const early = await open(PATH, { fs: fs.clone() });
  assert.equal([...early.keys()].length, 0);
  await early.close();
  await db.sync();
  assert.equal(db.persistedSeqno, 11);
  db.put('k', 'w', { columnFamily: 'a' });
  assert.equal(db.persistedSeqno, 11);
  const later = await open(PATH, { fs: fs.clone() });
  assert.equal([...later.keys()].length, 10);
  assert.equal(text(later.get('k', { columnFamily: 'a' })), 'v');
  await later.close();
  await db.close();
  const last = await open(PATH, { fs });
  assert.equal(text(last.get('k', { columnFamily: 'a' })), 'w');
  await last.close();
});

test('the log can be turned off and on between openings', async () => {
  const fs = new MemoryFs();
  for (const [round, wal] of [true, false, true, false, false, true].entries()) {
    const db = await open(PATH, { fs, wal });
    assert.equal([...db.keys()].length, round);
    db.put(`round ${round}`, 'v');
    await db.close();
  }
});

test('seqnos go on over reopening', async () => {
  const fs = new MemoryFs();
  let last = 0;
  for (let round = 0; round < 5; round++) {
    const db = await open(PATH, { fs });
    assert.equal(db.seqno, last);
    assert.equal(db.put('k', `${round}`), last + 1);
    if (round % 2 === 0) await db.flush();
    last = db.seqno;
    await db.close();
  }
});

test('a failed log stops writing but not reading, and resume goes on', async () => {
  const fs = new MemoryFs();
  let broken = false;
  const refuse = fs.open.bind(fs);
  fs.open = (path, mode) => {
    const handle = refuse(path, mode);
    const { write } = handle;
    handle.write = (...range) => {
      if (broken) throw new Error('the disk is gone');
      write.apply(handle, range);
    };
    return handle;
  };
  const db = await open(PATH, { fs });
  db.put('a', '1');
  broken = true;
  assert.throws(() => db.put('b', '2'), code('IO'));
  broken = false;
  assert.throws(() => db.put('b', '2'), code('IO'));
  await assert.rejects(db.sync(), code('IO'));
  await assert.rejects(db.flush(), code('IO'));
  assert.equal(text(db.get('a')), '1');
  assert.equal(db.has('b'), false);
  assert.match(db.stats().backgroundError!, /the disk is gone/);
  await db.resume();
  assert.equal(db.stats().backgroundError, undefined);
  db.put('b', '3', { sync: true });
  await db.close();
  const again = await open(PATH, { fs });
  assert.equal(text(again.get('a')), '1');
  assert.equal(text(again.get('b')), '3');
  await again.close();
});

test('resuming a database that did not stop changes nothing', async () => {
  const db = await openMemory();
  db.put('a', '1');
  await db.resume();
  assert.equal(db.stats().tableCount, 0);
  await db.close();
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a synced write without a log is refused and changes nothing', async () => {
  const db = await openMemory({ wal: false });
  assert.throws(() => db.put('k', 'v', { sync: true }), code('INVALID'));
  assert.equal(db.get('k'), undefined);
  await db.close();
});

test('a flush goes on being waited for when a family is dropped meanwhile', async () => {
  const db = await openMemory({ columnFamilies: ['a'], wal: false });
  fill(db, 100, 1000);
  fill(db, 100, 1000, 'a');
  const flushed = db.flush();
  db.dropColumnFamily('a');
  await flushed;
  assert.equal(db.persistedSeqno, db.seqno);
  await db.close();
});

suite('without a log, what only a dropped family had', () => {
  /** What the next process finds after the death of this one. */
  async function seqnoAfterDeath(fs: MemoryFs): Promise<number> {
    const again = await open(PATH, { fs: fs.clone(), wal: false });
    const { seqno } = again;
    await again.close();
    return seqno;
  }

  test('takes its seqnos along, which are not given out again', async () => {
    const fs = new MemoryFs();
    const db = await open(PATH, { fs, wal: false, columnFamilies: ['gone'] });
    db.put('a', '1');
    await db.flush();
    db.put('b', '2', { columnFamily: 'gone' });
    assert.equal(db.persistedSeqno, 1);
    db.dropColumnFamily('gone');
    assert.equal(db.persistedSeqno, 2);
    db.put('c', '3');
    assert.equal(db.persistedSeqno, 2);
    assert.equal(await seqnoAfterDeath(fs), 2);
    await db.close();
  });

  test('counts as persisted when all that is left has been flushed', async () => {
    const fs = new MemoryFs();
    const { db } = await openHeld({ wal: false, columnFamilies: ['gone'] }, [], fs);
    db.put('a', '1');
    const flushed = db.flush();
    db.put('b', '2', { columnFamily: 'gone' });
    db.dropColumnFamily('gone');
    assert.equal(db.persistedSeqno, 0);
    db.put('c', '3');
    await flushed;
    assert.equal(db.persistedSeqno, 1);
    assert.equal(await seqnoAfterDeath(fs), 1);
    await db.flush();
    assert.equal(db.persistedSeqno, 3);
    assert.equal(await seqnoAfterDeath(fs), 3);
    await db.close();
  });

  test('leaves no batch cut in two', async () => {
    const fs = new MemoryFs();
    const db = await open(PATH, { fs, wal: false, columnFamilies: ['gone'] });
    db.put('a', '1');
    await db.flush();
    db.write(new WriteBatch().put('b', '2', db.columnFamily('gone')).put('c', '3'));
    db.dropColumnFamily('gone');
    assert.equal(db.persistedSeqno, 1);
    assert.equal(await seqnoAfterDeath(fs), 1);
    await db.close();
  });
});

test('closing during a compaction ends it and leaves no file of its', async () => {
  const fs = new MemoryFs();
  const db = await openMemory({ fs });
  fill(db, 900, 3000);
  const compacted = db.compact();
  const closed = db.close();
  await assert.rejects(compacted, code('CLOSED'));
  await closed;
  const before = fs.list(PATH).sort().join();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(fs.list(PATH).sort().join(), before);
  const again = await openMemory({ fs });
  assert.equal([...again.keys()].length, 900);
  await again.close();
});

test('L0 stays bounded when every process writes a little and flushes', async () => {
  const fs = new MemoryFs();
  for (let i = 0; i < 60; i++) {
    const db = await openMemory({ fs });
    db.put(`k${i % 7}`, `v${i}`);
    if (i % 2 === 0) await db.flush();
    assert.ok(db.stats().columnFamilies[0]!.levels[0]!.tableCount <= 16);
    await db.close();
  }
});

test('a drop that fails leaves the family whole, also after resuming', async () => {
  const inner = new MemoryFs();
  const fs = new FaultFs(inner);
  const db = await openMemory({ fs, columnFamilies: ['a'] });
  fill(db, 50, 10, 'a');
  const flushing = db.flush({ columnFamily: 'a' });
  db.put('late', 'x', { columnFamily: 'a' });
  fs.addRule({ operation: 'write', path: (path) => path.includes('MANIFEST'), times: 1 });
  assert.throws(() => db.dropColumnFamily('a'), code('IO'));
  await flushing.catch(() => {});
  await db.resume();
  await db.flush();
  assert.ok(db.has('late', { columnFamily: 'a' }) && db.has(keyAt(7), { columnFamily: 'a' }));
  await db.close();
  const again = await openMemory({ fs: inner });
  assert.ok(again.has('late', { columnFamily: 'a' }) && again.has(keyAt(7), { columnFamily: 'a' }));
  await again.close();
});

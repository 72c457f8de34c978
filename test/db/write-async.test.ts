/**
 * Writes that wait without blocking the thread.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { NodeFs } from '../../src/fs/node.ts';
import { WriteBatch } from '../../src/index.ts';
import { open } from '../../src/node.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { type HeldWorld, openHeld, turn } from './held-workers.ts';
import { code, openMemory, PATH, text } from './helpers.ts';

/** Writes stop at one table in L0. */
const STOPPING = { l0TriggerCount: 1, l0SlowdownCount: 1, l0StopCount: 1 };

function batch(key: string, value: string, times = 1): WriteBatch {
  const made = new WriteBatch();
  for (let i = 0; i < times; i++) made.put(key, value);
  return made;
}

/** A database in which the next write has to wait until the gate is opened. */
async function openStopped(families: readonly string[] = []): Promise<HeldWorld> {
  const world = await openHeld({ ...STOPPING, columnFamilies: families }, ['compaction']);
  const { db, gate } = world;
  for (let i = 0; i < 300 && gate.heldCount === 0; i++) {
    db.put(`key ${i}`, new Uint8Array(1000));
    world.threads.run();
  }
  assert.ok(gate.heldCount > 0);
  const frozenCount = () => db.stats().columnFamilies[0]!.frozenMemtableCount;
  for (let i = 0; i < 1000 && frozenCount() > 0; i++) {
    world.threads.run();
    await turn();
  }
  assert.equal(frozenCount(), 0);
  // Until it is full: then it cannot be frozen.
  for (let i = 0; db.stats().columnFamilies[0]!.memtableBytes < 63_000; i++) {
    db.put(`more ${i}`, new Uint8Array(100));
  }
  db.write(batch('full', 'x'.repeat(3000)));
  return world;
}

/** Settled or not, after a few turns of the host. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);
  for (let i = 0; i < 20; i++) await turn();
  return !isSettled;
}

suite('writeAsync', () => {
  test('writes in the order of the calls, and resolves with the seqno', async () => {
    const db = await openMemory();
    const seqnos = await Promise.all([
      db.writeAsync(batch('key', 'first')),
      db.writeAsync(batch('key', 'second', 3)),
      db.writeAsync(new WriteBatch()),
      db.writeAsync(batch('key', 'third')),
    ]);
    assert.deepEqual(seqnos, [1, 4, 4, 5]);
    assert.equal(text(db.get('key')), 'third');
    await assert.rejects(db.writeAsync({} as WriteBatch), TypeError);
    await db.close();
  });

  test('gives the host turns while it waits, and keeps the order', async () => {
    const { db, gate } = await openStopped();
    const { waitCount } = gate;
    const before = db.seqno;
    const writes = ['a', 'b', 'c'].map((value) => db.writeAsync(batch('async', value)));
    assert.equal(await isPending(writes[0]!), true);
    assert.equal(db.get('async'), undefined);
    assert.equal(db.seqno, before);
    assert.equal(db.get('key 1')?.length, 1000, 'reads go on');
    gate.open();
    assert.deepEqual(await Promise.all(writes), [before + 1, before + 2, before + 3]);
    assert.equal(text(db.get('async')), 'c');
    assert.equal(gate.waitCount, waitCount, 'the thread was not blocked');
    const stop = db.stats().stalls.find(({ kind, reason }) => {
      return kind === 'stop' && reason === 'l0-count';
    });
    assert.equal(stop?.count, 1);
    await db.close();
  });

  test('borrows the batch until it settles: then it may be written again', async () => {
    const { db, gate } = await openStopped();
    const one = batch('key', 'first');
    const writing = db.writeAsync(one);
    gate.open();
    await writing;
    one.clear().put('key', 'second');
    await db.writeAsync(one);
    assert.equal(text(db.get('key')), 'second');
    await db.close();
  });

  test('resolves with sync when the write is on stable storage, and shares syncs', async (t) => {
    // Syncs of memory take no time, so that there is none to share.
    const directory = mkdtempSync(join(tmpdir(), 'varve-async-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const fs = new FaultFs(new NodeFs());
    const db = await open(directory, { fs });
    const before = fs.calls('syncAsync');
    await db.writeAsync(batch('a', '1'));
    assert.equal(fs.calls('syncAsync'), before);
    await db.writeAsync(batch('b', '1'), { sync: true });
    assert.equal(fs.calls('syncAsync'), before + 1);
    const many = Array.from({ length: 20 }, (_, i) =>
      db.writeAsync(batch(`c ${i}`, '1'), { sync: true }),
    );
    await Promise.all(many);
    const shared = fs.calls('syncAsync') - before - 1;
    assert.ok(shared >= 1 && shared <= 4, `${shared} syncs for 20 writes`);
    await db.close();
    const unlogged = await openMemory({ wal: false });
    await assert.rejects(unlogged.writeAsync(batch('a', '1'), { sync: true }), code('INVALID'));
    assert.equal(unlogged.get('a'), undefined);
    await unlogged.writeAsync(batch('a', '1'));
    await unlogged.close();
  });
});

suite('a writeAsync that waits', () => {
  test('is refused when the database closes', async () => {
    const { db, fs } = await openStopped();
    const writes = [db.writeAsync(batch('async', '1')), db.writeAsync(batch('async', '2'))];
    const results = Promise.allSettled(writes);
    assert.equal(await isPending(writes[0]!), true);
    await db.close();
    for (const result of await results) {
      assert.equal(result.status, 'rejected');
      assert.ok(code('CLOSED')(result.reason), String(result.reason));
    }
    const again = await open(PATH, { fs, readOnly: true });
    assert.equal(again.get('async'), undefined);
    assert.equal(text(again.get('full'))?.length, 3000);
    await again.close();
  });

  test('is refused when its family is dropped, and does not hold up the next', async () => {
    const { db, gate } = await openStopped(['gone']);
    const gone = db.columnFamily('gone');
    const doomed = db.writeAsync(new WriteBatch().put('a', '1').put('b', '1', gone));
    const next = db.writeAsync(batch('next', '1'));
    assert.equal(await isPending(doomed), true);
    db.dropColumnFamily(gone);
    gate.open();
    await assert.rejects(doomed, code('INVALID'));
    await next;
    assert.equal(db.get('a'), undefined);
    assert.equal(text(db.get('next')), '1');
    await db.close();
  });

  test('throws BUSY instead where background work is paused', async () => {
    const { db, gate } = await openStopped();
    const pausing = db.pauseBackgroundWork();
    await assert.rejects(db.writeAsync(batch('async', '1')), code('BUSY'));
    gate.open();
    await pausing;
    db.continueBackgroundWork();
    await db.writeAsync(batch('async', '1'));
    await db.close();
  });
});

test('a writeAsync that fails does not keep the next from its turn', async () => {
  const fs = new FaultFs(new MemoryFs());
  const db: Db = await open(PATH, { fs });
  const isLog = (path: string) => path.endsWith('.wal');
  fs.addRule({ operation: 'write', path: isLog, effect: 'NOSPACE' });
  const failing = db.writeAsync(batch('a', '1'));
  const refused = db.writeAsync(batch('b', '1'));
  await assert.rejects(failing, code('NOSPACE'));
  await assert.rejects(refused, code('NOSPACE'));
  assert.equal(db.get('a'), undefined);
  await db.resume();
  assert.equal(await db.writeAsync(batch('c', '1')), db.seqno);
  assert.equal(text(db.get('c')), '1');
  fs.addRule({ operation: 'syncAsync', path: isLog });
  await assert.rejects(db.writeAsync(batch('d', '1'), { sync: true }), code('IO'));
  await assert.rejects(db.writeAsync(batch('e', '1')), code('IO'));
  await db.resume();
  await db.close();
});

/**
 * Files that nobody needs any more go without holding anybody up, and are gone when it matters.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { VarveError } from '../../src/errors.ts';
import { open } from '../../src/node.ts';
import { code, fill, keyAt, PATH, tableNames } from './helpers.ts';
import { SlowRemovalFs } from './slow-removals.ts';

const COUNT = 100;

async function openSlow() {
  const fs = new SlowRemovalFs();
  return { fs, db: await open(PATH, { fs, l0TriggerCount: 64 }) };
}

suite('the files of tables and logs that nobody needs', () => {
  test('are gone when a compaction by hand resolves', async () => {
    const { db, fs } = await openSlow();
    for (let i = 0; i < 3; i++) {
      fill(db, COUNT);
      await db.flush();
    }
    assert.equal(tableNames(fs).length, 3);
    await db.compact();
    assert.equal(tableNames(fs).length, 1);
    assert.equal(fs.going.size, 0);
    await db.close();
  });

  test('hold up neither flushes nor writes', async () => {
    const { db, fs } = await openSlow();
    const release = fs.hold();
    for (let i = 0; i < 3; i++) {
      fill(db, COUNT);
      await db.flush();
    }
    assert.ok(fs.going.size > 0, 'a log is going');
    assert.equal(db.get(keyAt(7))?.length, 10);
    release();
    await db.close();
  });

  test('are gone before close gives the lock up', async () => {
    const { db, fs } = await openSlow();
    const release = fs.hold();
    fill(db, COUNT);
    await db.flush();
    const closed = db.close();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(fs.going.size, 1);
    await assert.rejects(open(PATH, { fs }), code('LOCKED'));
    release();
    await closed;
    assert.equal(fs.going.size, 0);
    await (await open(PATH, { fs })).close();
  });

  test('are swept by the next open where they could not be removed', async () => {
    const { db, fs } = await openSlow();
    fs.failure = new VarveError('IO', 'not now');
    fill(db, COUNT);
    await db.flush();
    fill(db, COUNT);
    await db.flush();
    await db.compact();
    await db.close();
    assert.equal(tableNames(fs).length, 3);
    fs.failure = undefined;
    const again = await open(PATH, { fs });
    assert.equal(tableNames(fs).length, 1);
    assert.equal([...again.keys()].length, COUNT);
    await again.close();
  });
});

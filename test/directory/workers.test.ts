/**
 * Workers whose database loses its directory while they have a job.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, OpenMode } from '../../src/fs/port.ts';
import { openHeld, turn } from '../db/held-workers.ts';
import { matchesDetached } from './fixture.ts';

/** A directory that somebody else takes when the test says so. */
class LosableFs extends MemoryFs {
  isLost = false;
  /** What was created or removed after that. */
  readonly touched: string[] = [];

  override assertHeld(path: string, token: string): void {
    if (this.isLost) throw new VarveError('DETACHED', `${path} is lost`, { file: path });
    super.assertHeld(path, token);
  }

  override open(path: string, mode: OpenMode): FileHandle {
    if (this.isLost && mode !== 'read') this.touched.push(path);
    return super.open(path, mode);
  }

  override remove(path: string): void {
    if (this.isLost) this.touched.push(path);
    super.remove(path);
  }
}

for (const work of ['flush', 'compaction'] as const) {
  test(`a worker that begins a ${work} then makes no file and removes none`, async () => {
    const fs = new LosableFs();
    const { db, gate } = await openHeld({ workers: 2 }, [], fs);
    for (const key of ['a', 'b']) {
      db.put(key, '1');
      await db.flush();
    }
    db.put('c', '1');
    gate.holds.add(work);
    const done = work === 'flush' ? db.flush() : db.compact();
    const failed = assert.rejects(done, matchesDetached);
    while (gate.heldCount === 0) await turn();
    fs.isLost = true;
    gate.open();
    await failed;
    await assert.rejects(db.close(), matchesDetached);
    assert.deepEqual(fs.touched, []);
  });
}

test('a worker that loses it in the midst of a merge removes nothing afterwards', async () => {
  const fs = new LosableFs();
  const { db, threads } = await openHeld({ workers: 1 }, [], fs);
  for (const key of ['a', 'b']) {
    db.put(key, new Uint8Array(100_000));
    await db.flush();
  }
  const create = fs.open.bind(fs);
  // At the first table that it makes.
  fs.open = (path, mode) => {
    const file = create(path, mode);
    if (mode === 'create' && path.endsWith('.sst')) fs.isLost = true;
    return file;
  };
  await assert.rejects(db.compact(), matchesDetached);
  threads.run();
  await assert.rejects(db.close(), matchesDetached);
  assert.deepEqual(fs.touched, []);
});

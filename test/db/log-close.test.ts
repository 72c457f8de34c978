/**
 * Logs that are not needed any more and cannot be closed.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, OpenMode } from '../../src/fs/port.ts';
import { open } from '../../src/node.ts';
import { openHeld, turn } from './held-workers.ts';
import { code, PATH, texts } from './helpers.ts';

/** Fails to close a log when told to; the file is closed all the same, as on POSIX. */
class StubbornFs extends MemoryFs {
  failures = 0;

  override open(path: string, mode: OpenMode): FileHandle {
    const file = super.open(path, mode);
    if (!path.endsWith('.wal')) return file;
    const close = file.close.bind(file);
    file.close = () => {
      close();
      if (this.failures === 0) return;
      this.failures--;
      throw new VarveError('IO', 'a log could not be closed', { file: path });
    };
    return file;
  }
}

for (const workers of [0, 2]) {
  test(`a log that cannot be closed undoes no flush, ${workers} workers`, async () => {
    const fs = new StubbornFs();
    const { db, gate } = await openHeld({ workers }, ['flush'], fs);
    db.put('a', '1');
    const first = db.flush().catch((error: unknown) => error);
    await turn();
    db.put('b', '1');
    const second = db.flush().catch((error: unknown) => error);
    fs.failures = 1;
    gate.open();
    const errors = (await Promise.all([first, second])).filter((error) => error !== undefined);
    assert.ok(errors.length > 0 && errors.every(code('IO')));
    assert.equal(fs.failures, 0);
    await db.resume();
    db.put('c', '1');
    await db.flush();
    assert.equal(texts(db.keys()), 'a b c');
    assert.equal(db.stats().columnFamilies[0]!.frozenMemtableCount, 0);
    await db.close();
    const again = await open(PATH, { fs });
    assert.equal(texts(again.keys()), 'a b c');
    await again.close();
  });
}
